"""Words that decide what a log line says: two lines that differ in one of them are never one template."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_LIST: Final = """
yes no true false on off ok okay pass passed fail fails failed failing failure success successful successfully
unsuccessful unsuccessfully succeeded succeeds error errors warning warn info debug trace fatal critical severe notice
start starts started starting stop stops stopped stopping begin begins began beginning end ends ended ending finish
finished finishing complete completed incomplete done abort aborted aborting cancel canceled cancelled cancelling open
opens opened opening close closes closed closing connect connects connected connecting disconnect disconnects
disconnected disconnecting reconnect reconnected reconnecting up down enable enabled enabling disable disabled
disabling add added adding remove removed removing create created creating delete deleted deleting insert inserted
update updated accept accepted accepting reject rejected rejecting deny denied allow allowed grant granted refuse
refused revoke revoked lock locked unlock unlocked load loaded loading unload unloaded read write reading writing sent
send sending receive received receiving in out before after valid invalid available unavailable online offline active
inactive healthy unhealthy alive dead running idle busy ready pending present absent found missing lost gained
acquired released acquire release login logout logon logoff pause paused resume resumed resuming suspended retry
retrying retried timeout expired expires expire register registered unregister unregistered deregistered attach
attached detach detached mount mounted unmount unmounted subscribe subscribed unsubscribe unsubscribed join joined
leave left commit committed rollback increase increased decrease decreased push pushed pull pulled upload uploaded
download downloaded hit miss get put post patch null none empty full not never always permitted forbidden authorized
unauthorized authenticated supported unsupported known unknown primary secondary master slave leader follower client
server enter entering exit exited exiting spawned killed terminated terminating crashed recovered restarted restarting
restored saved skipped processed queued scheduled verified unverified matched mismatched equal unequal
"""
_WORDS: Final = frozenset(_LIST.split())


_NAMING: Final = frozenset({"name", "named", "called"})


def decides(word: str) -> bool:
    """Tell whether a word is one of them, in any case.

    >>> decides("Started"), decides("eth0")
    (True, False)
    """
    return word.lower() in _WORDS


def decides_at(tokens: Sequence[str], at: int) -> bool:
    """Tell whether the word in one place decides; the name of something does not, whatever it is.

    >>> decides_at(("sensor", "named", "errors"), 2)
    False
    """
    return decides(tokens[at]) and not (at and tokens[at - 1].lower() in _NAMING)
