"""The threads of SCIM: what holds the lock of the policy waits neither for a search nor for the documents of calls."""

from typing import Final

from ambassador_server.domain.shared.large_documents import own_thread

READING: Final = own_thread("scim-reading")
CHANGING: Final = own_thread("scim-changing")
"""For steps in a transaction that changes something; because there is one at a time, none of them waits."""
