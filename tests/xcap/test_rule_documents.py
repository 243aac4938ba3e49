"""Rule documents that are kept can be obeyed."""

import pytest

from sip2xmpp.documents import policy
from sip2xmpp.documents.policy_reading import RULES
from sip2xmpp.xcap.conflicts import Conflict, ConflictKind
from sip2xmpp.xcap.validation import check


@pytest.mark.parametrize(
    "auid", ["pres-rules", "org.openmobilealliance.pres-rules", "org.openxcap.dialog-rules"]
)
def test_more_rules_than_are_obeyed_are_refused(auid: str) -> None:
    many = [policy.Rule(id=f"r{number}") for number in range(RULES + 1)]
    check(policy.write(policy.Ruleset(rules=tuple(many[1:]))), auid)
    with pytest.raises(Conflict) as refused:
        check(policy.write(policy.Ruleset(rules=tuple(many))), auid)
    assert refused.value.kind is ConflictKind.CONSTRAINT_FAILURE
