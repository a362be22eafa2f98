"""Typed keys of values that only the admin application uses."""

import asyncio
from collections.abc import Callable

from aiohttp import web

from ambassador_server.services.administration.use_cases import AdministrationUseCases
from ambassador_server.services.audit.use_cases import AuditUseCases
from ambassador_server.services.monitoring.metrics import Metrics
from ambassador_server.services.registry.use_cases import RegistryUseCases
from ambassador_server.services.sign_in.logins import Logins
from ambassador_server.services.sign_in.organisation_proof import OrganisationProver

ADMINISTRATION: web.AppKey[AdministrationUseCases] = web.AppKey("administration", AdministrationUseCases)
REGISTRY: web.AppKey[RegistryUseCases] = web.AppKey("registry", RegistryUseCases)
AUDIT: web.AppKey[AuditUseCases] = web.AppKey("audit", AuditUseCases)
ORGANISATIONS: web.AppKey[OrganisationProver] = web.AppKey("organisations", OrganisationProver)
LOGINS: web.AppKey[Logins] = web.AppKey("logins", Logins)
DESCRIPTION: web.AppKey[Callable[[], bytes]] = web.AppKey("description")
METRICS: web.AppKey[Metrics] = web.AppKey("metrics", Metrics)
SCRAPES: web.AppKey[asyncio.Lock] = web.AppKey("scrapes", asyncio.Lock)
