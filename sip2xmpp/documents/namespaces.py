"""Namespace names of presence documents, and the prefixes they are written with.

The prefixes are not free: some clients look for ``rpid:`` in the text (baresip), others compare names as written and
want PIDF as the default namespace (pjsip).
"""

from typing import Final

PIDF: Final = "urn:ietf:params:xml:ns:pidf"
DATA_MODEL: Final = "urn:ietf:params:xml:ns:pidf:data-model"
RPID: Final = "urn:ietf:params:xml:ns:pidf:rpid"
CIPID: Final = "urn:ietf:params:xml:ns:pidf:cipid"
CAPS: Final = "urn:ietf:params:xml:ns:pidf:caps"
LOCATION_TYPE: Final = "urn:ietf:params:xml:ns:location-type"
AG_PROJECTS: Final = "urn:ag-projects:xml:ns:pidf"
CISCO_STATUS: Final = "urn:ietf:params:xml:ns:pidf:status:rpid"
CISCO: Final = "urn:cisco:params:xml:ns:pidf:rpid"
DIALOG_INFO: Final = "urn:ietf:params:xml:ns:dialog-info"
SHARED_DIALOG: Final = "urn:ietf:params:xml:ns:sa-dialog-info"
IS_COMPOSING: Final = "urn:ietf:params:xml:ns:im-iscomposing"
IMDN: Final = "urn:ietf:params:xml:ns:imdn"
REGISTRATION_INFORMATION: Final = "urn:ietf:params:xml:ns:reginfo"
GRUU_INFORMATION: Final = "urn:ietf:params:xml:ns:gruuinfo"
WATCHER_INFORMATION: Final = "urn:ietf:params:xml:ns:watcherinfo"
RESOURCE_LISTS: Final = "urn:ietf:params:xml:ns:resource-lists"
RLS_SERVICES: Final = "urn:ietf:params:xml:ns:rls-services"
RLMI: Final = "urn:ietf:params:xml:ns:rlmi"
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
