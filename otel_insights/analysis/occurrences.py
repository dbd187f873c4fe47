"""Which observations are records of one raise: nested spans and the handler's log tell of the same failure.

An exception that leaves three spans and is then logged is observed four times, with a stack that grows at its outer
end. All four share the trace and the place where it was raised: the first of `Fingerprint.raise_keys` is the same.

A store keeps a mapping (trace id, key) -> occurrence and does, for every observation with a trace id:

1. look up each of `sought_keys(...)`; the first hit is the occurrence that this observation belongs to, else it is new;
2. save each of `kept_keys(...)` for that occurrence.

An observation without a trace id (none, or all zeros) is an occurrence of its own: nothing tells it from a second
failure.

An incomplete observation (its stack was cut before the place of the failure, or is missing) can only be recognised by
type and message, which a logger may have recorded as the exception's first argument. Therefore complete ones are kept
under those as well, yet two complete observations never meet there: `KeyError: 'id'` from two places of one request are
two raises. Nor do incomplete ones whose messages only begin alike. `takes_over` tells whose fingerprint an occurrence
has, whatever the order of arrival; incomplete observations take over that of their occurrence.
"""

from collections.abc import Sequence


def kept_keys(raise_keys: Sequence[str], *, complete: bool) -> tuple[str, ...]:
    """Return the keys under which an observation's occurrence is saved.

    >>> kept_keys(("aa", "bb", "cc"), complete=True), kept_keys(("bb", "cc"), complete=False)
    (('aa', 'bb+', 'cc+'), ('bb-', 'cc~'))
    """
    if complete:
        return (*raise_keys[:1], *(f"{key}+" for key in raise_keys[1:]))
    return (*(f"{key}-" for key in raise_keys[:1]), *(f"{key}~" for key in raise_keys[1:]))


def sought_keys(raise_keys: Sequence[str], *, complete: bool) -> tuple[str, ...]:
    """Return the keys under which an observation's occurrence may have been saved, the surest first.

    >>> sought_keys(("aa", "bb", "cc"), complete=True), sought_keys(("bb", "cc"), complete=False)
    (('aa', 'bb-', 'cc-'), ('bb+', 'bb-', 'bb~', 'cc-'))
    """
    if complete:
        return (*raise_keys[:1], *(f"{key}-" for key in raise_keys[1:]))
    return (*(f"{key}{kind}" for key in raise_keys[:1] for kind in "+-~"), *(f"{key}-" for key in raise_keys[1:]))


def takes_over(fingerprint: str, *, complete: bool, from_fingerprint: str, from_complete: bool) -> bool:
    """Tell whether an occurrence gets the fingerprint of an observation that joined it, in place of the one it has.

    >>> takes_over("b", complete=True, from_fingerprint="a", from_complete=False)
    True
    """
    if complete != from_complete:
        return complete
    return not complete and fingerprint < from_fingerprint  # any rule will do that does not depend on the order


def same_raise(one: Sequence[str], other: Sequence[str], *, one_complete: bool, other_complete: bool) -> bool:
    """Tell whether two observations of one trace, given by their raise keys, are records of one raise."""
    return not set(kept_keys(one, complete=one_complete)).isdisjoint(sought_keys(other, complete=other_complete))
