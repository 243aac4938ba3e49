"""A consumer of watcher information as RFC 3858, section 4, describes it, strict like Blink; it shares no code with the writer."""

from pathlib import Path
from xml.etree import ElementTree as ET

from lxml import etree

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "watcherinfo.xsd"))
NAME = "{urn:ietf:params:xml:ns:watcherinfo}"


class Consumer:
    """The table of one subscriber: watcher URI by id, with its attributes."""

    def __init__(self, resource: str) -> None:
        self.resource = resource
        self.version = -1
        self.rows: dict[str, dict[str, str]] = {}
        self.ended: list[tuple[str, str]] = []
        """Who was told to be gone, and by which event."""

    def take(self, octets: bytes) -> str:
        """Apply a document and give its kind; a gap or a wrong list is an error."""
        SCHEMA.assertValid(etree.fromstring(octets))
        root = ET.fromstring(octets)
        version, state = int(root.attrib["version"]), root.attrib["state"]
        if self.version < 0:
            assert state == "full", "the first document is a full one"
        assert version > self.version, "versions grow"
        if state == "partial":
            assert version == self.version + 1, "nothing was missed"
        self.version = version
        (listed,) = root.findall(f"{NAME}watcher-list")
        assert listed.attrib["resource"] == self.resource
        assert listed.attrib["package"] == "presence"
        if state == "full":
            self.rows = {}
        for row in listed.findall(f"{NAME}watcher"):
            said = {**row.attrib, "uri": row.text or ""}
            if said["status"] == "terminated":
                assert state == "partial", "who is gone is not part of the whole"
                self.ended.append((said["uri"], said["event"]))
                self.rows.pop(said["id"], None)
            else:
                self.rows[said["id"]] = said
        return state

    @property
    def statuses(self) -> dict[str, str]:
        return {row["uri"]: row["status"] for row in self.rows.values()}
