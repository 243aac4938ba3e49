"""XML presence documents: values and their codecs; pure, no I/O, no clock, no Twisted."""
