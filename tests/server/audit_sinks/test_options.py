"""The configuration of audit sinks: what is accepted, and how errors name what is wrong."""

import json
from pathlib import Path
from typing import Any

import pytest

from ambassador_server.audit_sinks import build_sink, known_sinks, read_sinks
from ambassador_server.config import load_config
from ambassador_server.domain.audit.events import Outcome
from ambassador_server.errors import ConfigurationError
from tests.server.audit_log.samples import EVENT

HOOK = {"type": "webhook", "url": "https://siem.example/audit", "secret": "env://HOOK_SECRET"}
SYSLOG = {"type": "syslog", "host": "logs.example"}
SPLUNK = {"type": "splunk_hec", "url": "https://splunk.example:8088", "token": "file:///etc/hec-token"}
DATADOG = {"type": "datadog", "api_key": "env://DD_API_KEY"}
OTLP = {"type": "otlp", "url": "http://127.0.0.1:4318"}

FAULTS: list[tuple[Any, str]] = [
    ({}, "audit.sinks: must be a list"),
    (["webhook"], "audit.sinks: must be a list"),
    (
        [{}],
        "audit.sinks.0.type: None is no audit sink; known: datadog, otlp, splunk_hec, stdout, syslog, webhook",
    ),
    ([{"type": "shared"}], "'shared' is no audit sink"),
    ([{"type": ["stdout"]}], "is no audit sink"),
    ([{"type": "stdout", "colour": 1}], "audit.sinks.0.colour: there is no such option; known: type, name, "),
    ([{"type": "webhook", "adress": "x"}], "audit.sinks.0.adress: there is no such option"),
    ([{"type": "webhook"}], "audit.sinks.0.url: Field required"),
    ([HOOK, HOOK], "audit.sinks.1.name: there is already a sink named 'webhook'"),
    ([HOOK | {"name": "../../etc"}], "audit.sinks.0.name"),
    ([HOOK | {"url": "http://siem.example/"}], "must be https://"),
    ([HOOK | {"url": "ftp://siem.example/"}], "must be an https:// URL"),
    ([HOOK | {"url": "https://ann:pw@siem.example/"}], "must not hold a user or password"),
    ([HOOK | {"url": "https://[::1"}], "is not a URL"),
    ([HOOK | {"secret": "hunter22"}], "audit.sinks.0.secret: must say where the secret is"),
    ([HOOK | {"secret": "file://relative"}], "must say where the secret is"),
    ([HOOK | {"secret": "vault://hunter22"}], "must say where the secret is"),
    ([HOOK | {"token": "https://hunter22"}], "must say where the secret is"),
    ([HOOK | {"certificate_file": "/c.pem"}], "certificate_file and certificate_key_file go together"),
    ([HOOK | {"batch_records": 0}], "audit.sinks.0.batch_records"),
    ([HOOK | {"where": "colour = red"}], "audit.sinks.0.where"),
    ([HOOK | {"where": "since = 1h"}], "audit.sinks.0.where"),
    ([HOOK | {"where": "not subject = alice"}], "a query cannot name a subject"),
    ([SYSLOG | {"protocol": "udp", "ca_file": "/c.pem"}], "belong to the protocol tls"),
    ([SYSLOG | {"protocol": "udp", "record_bytes": 100_000}], "a datagram holds at most"),
    ([SYSLOG | {"app_name": "two words"}], "audit.sinks.0.app_name"),
    ([DATADOG | {"api_key": "hunter22"}], "audit.sinks.0.api_key: must say where the secret is"),
    ([DATADOG | {"site": "datadoghq.com/hunter22?"}], "audit.sinks.0.site"),
    ([DATADOG | {"url": "http://proxy.example"}], "must be https://"),
    ([DATADOG | {"record_bytes": 1_000_000}], "an entry of Datadog holds at most 900000"),
    ([OTLP | {"headers": {"X-Api-Key": "hunter22"}}], "must say where the secret is"),
    ([OTLP | {"headers": {"Content-Type": "env://A"}}], "not that of a header that can be set"),
    ([OTLP | {"headers": {"a: b\n": "env://A"}}], "not that of a header that can be set"),
    ([OTLP | {"format": "ocsf"}], "audit.sinks.0.format"),
    ([SPLUNK | {"token": "11111111-2222"}], "must say where the secret is"),
]


def test_every_file_of_the_folder_is_a_sink_type():
    assert known_sinks() == ["datadog", "otlp", "splunk_hec", "stdout", "syslog", "webhook"]


@pytest.mark.parametrize(("sinks", "words"), FAULTS)
def test_an_invalid_option_is_named_and_not_quoted(sinks: Any, words: str, tmp_path: Path):
    file = tmp_path / "server.yaml"
    file.write_text(json.dumps({"audit": {"sinks": sinks}}))
    with pytest.raises(ConfigurationError) as found:
        load_config({}, {}, file)
    assert words in found.value.message
    for secret in ("hunter22", "11111111", ":pw@"):
        assert secret not in str(found.value)


def test_the_effective_configuration_shows_references_and_no_query_of_a_url(tmp_path: Path):
    file = tmp_path / "server.yaml"
    file.write_text(json.dumps({"audit": {"sinks": [HOOK | {"url": "https://siem.example/a?key=hunter22"}]}}))
    [shown] = [
        each for each in load_config({}, {}, file).effective_settings(str) if each.name == "audit.sinks"
    ]
    assert shown.value == [{**HOOK, "name": "webhook", "url": "https://siem.example/a"}]
    assert shown.source.place == str(file)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"two\nlines", b"\xff", b"x" * 100_000])
def test_a_missing_secret_stops_the_start(content: bytes | None, tmp_path: Path):
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    [options] = read_sinks([HOOK | {"secret": f"file://{tmp_path}/secret"}])
    with pytest.raises(ConfigurationError, match="Audit sink webhook: file://"):
        build_sink(options)


def test_a_secret_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch):
    [options] = read_sinks([HOOK])
    monkeypatch.delenv("HOOK_SECRET", raising=False)
    with pytest.raises(ConfigurationError, match="env://HOOK_SECRET is not set"):
        build_sink(options)
    monkeypatch.setenv("HOOK_SECRET", "hunter22")
    assert "hunter22" not in repr(options)
    assert "hunter22" not in repr(build_sink(options))


def test_a_missing_authority_stops_the_start(tmp_path: Path):
    for option in ({"ca_file": tmp_path / "none.pem"}, {"ca_file": tmp_path}):
        [options] = read_sinks([SYSLOG | option])
        with pytest.raises(ConfigurationError, match="cannot be used"):
            build_sink(options)


def test_a_sink_may_select_records():
    [options] = read_sinks([SYSLOG | {"where": "outcome = denied"}])
    assert not options.wants(EVENT)
    [options] = read_sinks([SYSLOG | {"where": f"outcome = {Outcome.PERMITTED} and action ~ call:*"}])
    assert options.wants(EVENT)
    [options] = read_sinks([SYSLOG])
    assert options.wants(EVENT)
