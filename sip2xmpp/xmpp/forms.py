"""Data forms: what is asked, field by field, and the answer checked against it.

A ``Form`` is written as it stands.  An answer is read in two steps, because they fail in different ways: ``read_answer``
takes the element apart, with bounds, and raises ``BadForm`` for what is no answer at all; ``Form.check`` compares the
values with the fields, converts them to what the types promise, and gives *all* faults as lines that a person can act on.
Values of fields that were not asked for are dropped.

wokkel has forms too, but what it imports is gone from Twisted.

Implements: XEP-0004 sections 3.1 to 3.4; XEP-0068 (FORM_TYPE); XEP-0082 for moments.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Final

from twisted.words.xish.domish import Element

from sip2xmpp.errors import BadAddress, BadInput
from sip2xmpp.preparation import fold_domain
from sip2xmpp.xmpp import namespaces as ns
from sip2xmpp.xmpp.reading import children, text
from sip2xmpp.xmpp.texts import quote, text_of

MOST_FIELDS: Final = 64
MOST_VALUES: Final = 200
LONGEST_VALUE: Final = 4096
"""What an answer may hold; more is refused."""

LONGEST_JID: Final = 3071


class BadForm(BadInput):
    """The element is no answer to a form."""


class FieldType(Enum):
    """How a field is shown and what it may hold (XEP-0004, section 3.3)."""

    BOOLEAN = "boolean"
    FIXED = "fixed"
    HIDDEN = "hidden"
    JID_MULTI = "jid-multi"
    JID_SINGLE = "jid-single"
    LIST_MULTI = "list-multi"
    LIST_SINGLE = "list-single"
    TEXT_MULTI = "text-multi"
    TEXT_PRIVATE = "text-private"
    TEXT_SINGLE = "text-single"


MULTIPLE: Final = frozenset(
    {FieldType.JID_MULTI, FieldType.LIST_MULTI, FieldType.TEXT_MULTI, FieldType.HIDDEN}
)
_CHOICES: Final = frozenset({FieldType.LIST_MULTI, FieldType.LIST_SINGLE})
_JIDS: Final = frozenset({FieldType.JID_MULTI, FieldType.JID_SINGLE})
_TRUTHS: Final = {"1": True, "true": True, "0": False, "false": False}

Values = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field.  ``options`` are pairs of label and value; ``values`` is what it holds already."""

    name: str
    type: FieldType = FieldType.TEXT_SINGLE
    label: str = ""
    description: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()
    values: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """How the field is called when something is wrong with it."""
        return self.label or self.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A checked answer: every field of the form that holds something; ``faults`` is empty if all is well."""

    values: Values
    faults: tuple[str, ...] = ()

    def one(self, name: str) -> str:
        """The first value of a field, without blanks around it; the empty string if there is none."""
        return next((value.strip() for value in self.values.get(name, ())), "")

    def all(self, name: str) -> tuple[str, ...]:
        """Every value that is not blank."""
        return tuple(value.strip() for value in self.values.get(name, ()) if value.strip())

    def text(self, name: str) -> str:
        """The lines of a field as one text."""
        return "\n".join(self.values.get(name, ())).strip()

    def truth(self, name: str) -> bool:
        """The value of a boolean; no value is false."""
        return _TRUTHS.get(self.one(name), False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """A form to fill in, or with ``result`` one that only tells; ``rows`` below ``columns`` make a table of it."""

    title: str
    instructions: str = ""
    kind: str = ""
    """The FORM_TYPE."""
    fields: tuple[Field, ...] = ()
    result: bool = False
    columns: tuple[Field, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def element(self) -> str:
        """The form as XML."""
        inside = f"<title>{text_of(self.title)}</title>" if self.title else ""
        if self.instructions:
            inside += f"<instructions>{text_of(self.instructions)}</instructions>"
        if self.kind:
            inside += f"<field var='FORM_TYPE' type='hidden'><value>{text_of(self.kind)}</value></field>"
        inside += "".join(_field(each) for each in self.fields)
        if self.columns:
            inside += f"<reported>{''.join(_field(each) for each in self.columns)}</reported>"
            inside += "".join(self._row(row) for row in self.rows)
        return f"<x xmlns='{ns.DATA_FORMS}' type='{'result' if self.result else 'form'}'>{inside}</x>"

    def _row(self, row: Sequence[str]) -> str:
        cells = (
            f"<field var='{quote(column.name)}'><value>{text_of(value)}</value></field>"
            for column, value in zip(self.columns, row, strict=True)
        )
        return f"<item>{''.join(cells)}</item>"

    def check(self, values: Values) -> Answer:
        """Compare an answer with what was asked."""
        good: dict[str, tuple[str, ...]] = {}
        faults: list[str] = []
        for asked in self.fields:
            if asked.type is FieldType.FIXED or not asked.name:
                continue
            given = values.get(asked.name, ())
            if not any(value.strip() for value in given):
                if asked.required:
                    faults.append(f"{asked.title}: this is needed")
                continue
            wrong = _fault(asked, given)
            if wrong:
                faults.append(f"{asked.title}: {wrong}")
            else:
                good[asked.name] = tuple(given)
        return Answer(values=good, faults=tuple(faults))

    def filled(self, values: Values) -> "Form":
        """The same form holding what was answered, to be mended; nothing secret is sent back."""
        return replace(
            self,
            fields=tuple(
                replace(asked, values=tuple(values[asked.name]))
                if asked.name in values and asked.type not in (FieldType.TEXT_PRIVATE, FieldType.FIXED)
                else asked
                for asked in self.fields
            ),
        )


def told(title: str, *pairs: tuple[str, str]) -> Form:
    """A form that only tells: each label with its text."""
    return Form(
        title=title,
        result=True,
        fields=tuple(
            Field(
                name=f"line{number}",
                label=label,
                type=FieldType.TEXT_MULTI,
                values=tuple(value.split("\n")),
            )
            for number, (label, value) in enumerate(pairs)
        ),
    )


@dataclass(slots=True)
class _Read:
    """What has been read so far."""

    values: dict[str, tuple[str, ...]] = field(default_factory=dict)
    count: int = 0


def read_answer(form: Element) -> Values | None:
    """The values of a ``submit``; None for a ``cancel``.  Raises ``BadForm``."""
    kind = form.attributes.get("type")
    if form.uri != ns.DATA_FORMS or form.name != "x" or kind not in ("submit", "cancel"):
        raise BadForm("a form of type submit or cancel is expected")
    if kind == "cancel":
        return None
    read = _Read()
    for each in children(form):
        if each.uri != ns.DATA_FORMS or each.name != "field":
            continue
        name = each.attributes.get("var", "")
        if not name:
            continue
        if name in read.values:
            raise BadForm(f"the field {name[:64]} is there twice")
        values = tuple(text(value) for value in children(each) if value.name == "value")
        read.count += len(values)
        if len(read.values) >= MOST_FIELDS or read.count > MOST_VALUES:
            raise BadForm("there are too many fields or values")
        if any(len(value) > LONGEST_VALUE for value in values):
            raise BadForm(f"the field {name[:64]} holds too long a text")
        read.values[name] = values
    return read.values


def _fault(asked: Field, given: Sequence[str]) -> str:
    """What is wrong with the values of a field; nothing if they are good."""
    if len(given) > 1 and asked.type not in MULTIPLE:
        return "only one value is possible"
    if asked.type is FieldType.BOOLEAN and given[0].strip() not in _TRUTHS:
        return f'"{given[0][:64]}" is neither true nor false'
    if asked.type in _CHOICES:
        offered = {value for _, value in asked.options}
        strange = [value for value in given if value not in offered]
        if strange:
            return f'"{strange[0][:64]}" is none of the choices'
    if asked.type in _JIDS:
        strange = [value for value in given if value.strip() and not _is_jid(value.strip())]
        if strange:
            return f'"{strange[0][:64]}" is not an address'
    return ""


def _is_jid(value: str) -> bool:
    """Whether this has the shape of a JID; who needs more folds it."""
    whole = value.partition("/")[0]
    local, at, domain = whole.rpartition("@")
    if len(value) > LONGEST_JID or (at and not local):
        return False
    try:
        return bool(fold_domain(domain))
    except BadAddress:
        return False


def _field(asked: Field) -> str:
    inside = f"<desc>{text_of(asked.description)}</desc>" if asked.description else ""
    inside += "<required/>" if asked.required else ""
    inside += "".join(f"<value>{text_of(value)}</value>" for value in asked.values)
    inside += "".join(
        f"<option label='{quote(label)}'><value>{text_of(value)}</value></option>"
        for label, value in asked.options
    )
    name = f" var='{quote(asked.name)}'" if asked.name else ""
    label = f" label='{quote(asked.label)}'" if asked.label else ""
    return f"<field{name} type='{asked.type.value}'{label}>{inside}</field>"
