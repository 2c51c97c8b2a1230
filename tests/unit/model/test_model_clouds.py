"""The table of clouds: every row is apart from every other, and complete."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import pytest

from provisioner.model.clouds import CLOUDS, Cloud, cloud_of
from provisioner.model.identifiers import EXCHANGE_AUDIENCE, GRAPH_AUDIENCE
from provisioner.model.tenant import WORLDWIDE
from provisioner.signin.credentials import MICROSOFT_AUTHORITIES

PORTALS = {"entra.microsoft.com", "entra.microsoft.us", "entra.microsoftonline.cn"}
"""The Entra admin centers there are."""


def test_every_cloud_has_a_row_and_no_other() -> None:
    assert set(CLOUDS) == set(Cloud)
    assert CLOUDS[Cloud.WORLDWIDE] is WORLDWIDE


@pytest.mark.parametrize("cloud", list(Cloud))
def test_a_row_names_its_own_hosts_and_audiences(cloud: Cloud) -> None:
    row = CLOUDS[cloud]
    assert cloud_of(row) is cloud
    assert urlsplit(row.login).hostname in MICROSOFT_AUTHORITIES
    assert row.graph == f"{row.audience(GRAPH_AUDIENCE)}/v1.0"
    assert row.exchange == row.audience(EXCHANGE_AUDIENCE)
    assert (row.exchange_environment is None) is (cloud is Cloud.WORLDWIDE)
    assert row.portal is not None and urlsplit(row.portal).hostname in PORTALS
    assert not any(each.endswith("/") for each in (row.login, row.graph, row.exchange, row.portal))


def test_no_cloud_sends_anything_to_another_ones_graph_or_exchange() -> None:
    for name in ("graph", "exchange", "smtp_host", "imap_host", "pop_host"):
        assert len({getattr(row, name) for row in CLOUDS.values()}) == len(CLOUDS), name


def test_what_the_table_does_not_translate_stays() -> None:
    assert CLOUDS[Cloud.CHINA].audience("https://vault.example") == "https://vault.example"


def test_hosts_of_no_row_are_told() -> None:
    with pytest.raises(LookupError):
        cloud_of(replace(WORLDWIDE, graph="https://localhost:8443/v1.0"))
