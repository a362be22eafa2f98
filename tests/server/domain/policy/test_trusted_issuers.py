"""Which claimed groups mean a group here, found from both sides."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.people.principals import PresentedToken
from ambassador_server.domain.policy.trusted_issuers import TrustedIssuers
from tests.conformance.store_samples import issuer
from tests.fakes.clock import START
from tests.server.worlds import GROUP

NAMES = ["sso.", "sso.ops", "sso.sso.ops", "ops", "eng", "other.eng", "sso.eng"]
CLAIMED = ["ops", "eng", "sso.ops", "", "x"]


@given(
    st.sets(st.sampled_from(NAMES)),
    st.dictionaries(st.sampled_from(CLAIMED[:3]), st.sampled_from([*NAMES, "gone"]), max_size=3),
)
def test_what_can_be_claimed_is_what_a_token_gets(names: set[str], mapped: dict[str, str]) -> None:
    groups = {f"id of {name}": replace(GROUP, group_id=f"id of {name}", name=name) for name in names}
    trusted = issuer(group_prefix="sso.", group_map=mapped)
    issuers = TrustedIssuers.of({trusted.issuer_id: trusted}, groups)
    assert issuers is not None
    claimable = {(claimed, group_id) for _, claimed, group_id in issuers.claimable()}
    for claimed in {*CLAIMED[:3], "x", *(name.removeprefix("sso.") for name in names)} - {""}:
        token = PresentedToken(issuer_id=trusted.issuer_id, expires_at=START, groups=(claimed,))
        got = {(claimed, group_id) for group_id in issuers.group_ids(token)}
        assert got == {each for each in claimable if each[0] == claimed}
