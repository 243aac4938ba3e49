"""Documents and selectors for properties: every way of writing XML that matters to places, and every step that there is."""

from dataclasses import dataclass

from hypothesis import strategies as st

from sip2xmpp.documents.xcap_tree import Element, Name
from sip2xmpp.documents.xcap_uri import ANY, AttributeTest, NodeSelector, QName, Step

NAMESPACE = "urn:example:a"
"""The namespace that selectors have without a prefix."""
OTHER = "urn:example:b"

NAMES = ("a", "b", "list", "é")
ATTRIBUTES = ("x", "y", "name")
PLAIN = st.text(st.sampled_from("abc xyz01é€😀\t\n;:/[]@=~%()?"), max_size=8)
"""Text that is the same written and read, but for line ends in attributes."""
BLANKS = st.sampled_from(["", "", " ", "\n", " \t\n"])
SPACES = st.sampled_from([" ", "  ", "\n", "\t "])

BETWEEN = st.one_of(
    PLAIN,
    st.sampled_from(
        ["<!-- <a x='1'> & ]]> -->", "<?pi <a/> ?>", "<![CDATA[<a></b>&amp;]]>", "&lt;a&gt;", "&#60;", "\n  "]
    ),
)


@st.composite
def attribute(draw: st.DrawFn, name: str) -> str:
    value = draw(st.one_of(PLAIN, st.sampled_from(["&lt;", "&#10;&amp;", ">", "/>", "a>b"])))
    quote = draw(st.sampled_from("\"'"))
    other = "'" if quote == '"' else '"'
    value += draw(st.sampled_from(["", "", other]))
    return f"{draw(SPACES)}{name}{draw(BLANKS)}={draw(BLANKS)}{quote}{value}{quote}"


@st.composite
def element(draw: st.DrawFn, depth: int = 0, root: bool = False) -> str:
    """An element as text; prefix ``p`` is bound to ``OTHER`` at the root."""
    name = draw(st.sampled_from(NAMES))
    if draw(st.integers(0, 4)) == 0:
        name = f"p:{name}"
    written = [f"<{name}"]
    if root:
        written.append(f" xmlns=\"{NAMESPACE}\"{draw(SPACES)}xmlns:p='{OTHER}'")
    elif draw(st.integers(0, 9)) == 0:
        written.append(draw(st.sampled_from([' xmlns=""', f' xmlns="{OTHER}"', f' xmlns:q="{NAMESPACE}"'])))
    names = draw(st.lists(st.sampled_from([*ATTRIBUTES, "p:x"]), unique=True, max_size=3))
    written += [draw(attribute(each)) for each in names]
    written.append(draw(BLANKS))
    contents = [draw(BETWEEN)] if draw(st.booleans()) else []
    if depth < 3:
        for child in draw(st.lists(element(depth + 1), max_size=4 - depth)):
            contents += [child, draw(BETWEEN)]
    if not contents and draw(st.booleans()):
        return "".join((*written, "/>"))
    return "".join((*written, ">", *contents, f"</{name}{draw(BLANKS)}>"))


@st.composite
def documents(draw: st.DrawFn) -> bytes:
    before = draw(
        st.sampled_from(
            ["", '<?xml version="1.0" encoding="UTF-8"?>\n', "\ufeff", "<!-- <x> -->", "<?pi?>\r\n"]
        )
    )
    return (before + draw(element(root=True)) + draw(st.sampled_from(["", "\n", "<!-- </a> -->\n"]))).encode()


@dataclass(frozen=True)
class Found:
    """An element, the path of elements to it, and positions below each parent."""

    path: tuple[Element, ...]

    @property
    def element(self) -> Element:
        return self.path[-1]


def everything(root: Element) -> list[Found]:
    found, waiting = [], [Found((root,))]
    while waiting:
        each = waiting.pop()
        found.append(each)
        waiting += [Found((*each.path, child)) for child in each.element.children]
    return found


PREFIXES = {None: "", NAMESPACE: "", OTHER: "o"}


def qname(name: Name) -> QName:
    return QName("" if name[0] == NAMESPACE else "o", name[1])


def exact_step(parent: Element | None, child: Element) -> Step:
    """A step that selects a child by its name and position; of no namespace, by position alone."""
    if parent is None:
        return Step(name=ANY if child.namespace is None else qname(child.name))
    if child.namespace is None:
        return Step(name=ANY, position=list(parent.children).index(child) + 1)
    alike = parent.all(*child.name)
    return Step(name=qname(child.name), position=alike.index(child) + 1)


def selector_of(found: Found, *more: Step, attribute: QName | None = None) -> NodeSelector:
    parents: list[Element | None] = [None, *found.path[:-1]]
    steps = [exact_step(parent, child) for parent, child in zip(parents, found.path, strict=True)]
    return NodeSelector(steps=(*steps, *more), attribute=attribute, prefixes=(("o", OTHER),))


STEPS = st.builds(
    Step,
    name=st.one_of(st.just(ANY), st.builds(QName, st.sampled_from(["", "o"]), st.sampled_from(NAMES))),
    position=st.one_of(st.none(), st.integers(0, 4)),
    test=st.one_of(
        st.none(),
        st.builds(
            AttributeTest,
            st.builds(QName, st.sampled_from(["", "", "o"]), st.sampled_from(ATTRIBUTES)),
            st.sampled_from(["", "a", "1", "x", ">"]),
        ),
    ),
)
