"""Asks issuers whether tokens are active (RFC 7662), without being a way to flood them."""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256
from typing import Any, Final

from ambassador_server.domain.people.issuers import Issuer
from ambassador_server.domain.people.token_claims import TokenFault
from ambassador_server.errors import AuthorizationError
from ambassador_server.guarded_http.requests import Answer
from ambassador_server.identity.held import HeldByIssuer
from ambassador_server.identity.introspection_client import Endpoint, IntrospectionClient
from ambassador_server.ports.token_verifier import Refusal

Found = Mapping[str, Any] | Refusal
INACTIVE_SECONDS: Final = 30.0
"""How long a token that is not active is not asked about again."""
MOST_INACTIVE: Final = 10_000
MOST_QUESTIONS: Final = 64
"""How many questions to one issuer wait for their answers at a time."""
_ACCESS_TOKENS: Final = frozenset({"bearer", "jwt", "at+jwt", "access_token"})


class Introspector:
    """Asks about tokens: about each once at a time, and not again while it is known to be inactive.

    Answers about active tokens are kept by those who use them.
    """

    def __init__(self, client: IntrospectionClient, monotonic: Callable[[], float]) -> None:
        self._client = client
        self._monotonic = monotonic
        self._endpoints: HeldByIssuer[Endpoint] = HeldByIssuer(client.find, monotonic)
        self._asking: dict[tuple[str, bytes], asyncio.Task[Found]] = {}
        self._questions: Counter[str] = Counter()
        self._inactive: OrderedDict[tuple[str, bytes], tuple[Issuer, float]] = OrderedDict()

    def check(self, issuer: Issuer) -> None:
        """Raise InvalidInputError for an issuer that could never be asked."""
        self._client.check(issuer)

    async def refresh(self, issuers: Collection[Issuer]) -> None:
        """Find the endpoints again that were found long ago, and forget those of other issuers."""
        await self._endpoints.refresh(issuers)

    async def verify(self, token: str, issuer: Issuer) -> Found:
        """Return what the issuer says of an active token, or why it is refused; raises no error."""
        asked = issuer.issuer_id, sha256(token.encode()).digest()
        if self._is_inactive(asked, issuer):
            return Refusal(TokenFault.INACTIVE)
        task = self._asking.get(asked)
        if task is None:
            if self._questions[issuer.issuer_id] >= MOST_QUESTIONS:
                return Refusal(TokenFault.INTROSPECTION_FAILED, "too many questions wait for its answers")
            self._questions[issuer.issuer_id] += 1
            task = self._asking[asked] = asyncio.create_task(self._ask(token, issuer, asked))
        # Several may wait for the answer, so that none of them may cancel the question.
        return await asyncio.shield(task)

    async def _ask(self, token: str, issuer: Issuer, asked: tuple[str, bytes]) -> Found:
        try:
            found = read_answer(await self._answer(token, issuer), issuer)
        except AuthorizationError as error:
            return Refusal(TokenFault.INTROSPECTION_FAILED, error.message)
        finally:
            self._questions[issuer.issuer_id] -= 1
            del self._asking[asked]
        if isinstance(found, Refusal) and found.fault is TokenFault.INACTIVE:
            self._remember(asked, issuer)
        return found

    async def _answer(self, token: str, issuer: Issuer) -> Answer:
        endpoint = await self._endpoints.choose(issuer, _itself)
        answer = await self._client.ask(token, issuer, endpoint)
        # The secret of this server may have been replaced since it was read.
        if answer.status == 401 and await self._endpoints.renew(issuer):
            endpoint = await self._endpoints.choose(issuer, _itself)
            answer = await self._client.ask(token, issuer, endpoint)
        return answer

    def _is_inactive(self, asked: tuple[str, bytes], issuer: Issuer) -> bool:
        known = self._inactive.get(asked)
        return known is not None and known[0] == issuer and self._monotonic() < known[1]

    def _remember(self, asked: tuple[str, bytes], issuer: Issuer) -> None:
        self._inactive[asked] = issuer, self._monotonic() + INACTIVE_SECONDS
        self._inactive.move_to_end(asked)
        if len(self._inactive) > MOST_INACTIVE:
            self._inactive.popitem(last=False)


def read_answer(answer: Answer, issuer: Issuer) -> Found:
    """Return the claims of an active token, or why it is refused; any answer may be given.

    Only `true` is active, and only `false` says that the token is not; anything else says nothing.
    """
    if answer.status != 200:
        return Refusal(TokenFault.INTROSPECTION_FAILED, f"{answer.host} answered HTTP {answer.status}")
    document = answer.json_or_empty()
    active = document.get("active")
    if active is False:
        return Refusal(TokenFault.INACTIVE)
    if active is not True:
        return Refusal(
            TokenFault.INTROSPECTION_FAILED, f"{answer.host} did not answer whether the token is active"
        )
    for name, fault in (("token_type", TokenFault.BOUND_TO_KEY), ("typ", TokenFault.WRONG_TYPE)):
        named = document.get(name, "bearer")
        if not isinstance(named, str) or named.lower() not in _ACCESS_TOKENS:
            return Refusal(fault, f"its {name} is not that of a token whose bearer may use it")
    # The issuer was asked at its own endpoint, so that it needs not name itself; naming another is refused.
    return {"iss": issuer.url, **document}


def _itself(endpoint: Endpoint) -> Endpoint:
    return endpoint
