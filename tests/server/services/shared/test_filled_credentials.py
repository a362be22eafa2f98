"""Values go to the places that the fields declare, and nowhere else."""

from hypothesis import given
from hypothesis import strategies as st

from ambassador_server.domain.catalog.credential_needs import CredentialField, CredentialNeeds, Place
from ambassador_server.ports.credentials import Credential
from ambassador_server.services.shared.filled_credentials import fill

_FIELDS = (
    CredentialField(name="token", place=Place.HEADER, target="Authorization", template="Bearer {}"),
    CredentialField(name="team", place=Place.QUERY, target="team", secret=False),
    CredentialField(name="key", place=Place.ENVIRONMENT, target="API_KEY"),
    CredentialField(name="second", place=Place.ARGUMENT, template="--second={}"),
    CredentialField(name="first", place=Place.ARGUMENT),
)
NEEDS = CredentialNeeds(fields=_FIELDS)


def test_each_value_goes_to_its_place_in_its_template():
    values = {"token": "t", "team": "a&b", "key": "k", "first": "1", "second": "2", "unknown": "x"}
    assert fill(NEEDS, values, "one") == Credential(
        generation="one",
        environment={"API_KEY": "k"},
        arguments=("--second=2", "1"),
        headers={"Authorization": "Bearer t"},
        query={"team": "a&b"},
        secrets=("t", "k", "2", "1"),
    )


def test_a_field_without_a_value_is_left_out():
    assert fill(NEEDS, {}, "one") == Credential(generation="one")


@given(st.dictionaries(st.sampled_from([each.name for each in _FIELDS]), st.text()))
def test_a_value_is_never_taken_for_a_template(values: dict[str, str]):
    filled = fill(NEEDS, values, "one")
    if "token" in values:
        assert filled.headers == {"Authorization": f"Bearer {values['token']}"}
    assert list(filled.arguments) == [
        template.format(values[name])
        for name, template in (("second", "--second={}"), ("first", "{}"))
        if name in values
    ]
