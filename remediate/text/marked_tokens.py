"""How tokens look that bear their maker's mark: the one list of them. It searches nothing, and shows none."""

from typing import NamedTuple


class _Kind(NamedTuple):
    """A kind of token, and how many characters after its mark one has, and a piece of one that is told as such."""

    mark: str
    characters: str
    whole: int
    piece: int = 10


_KINDS = (
    _Kind(r"gh[oprsu]_", r"\w", 30),  # GitHub
    _Kind(r"github_pat_", r"\w", 22),
    _Kind(r"gl(?:pat|dt|rt|cbt|ptt|ft|soat)-", r"[\w.-]", 20),  # GitLab
    _Kind(r"npm_(?!config_)", r"[A-Za-z0-9]", 36),
    _Kind(r"(?:AKIA|ASIA)", r"[0-9A-Z]", 16, 16),  # an access key of AWS
    _Kind(r"AIza", r"[\w-]", 35, 16),  # Google
    _Kind(r"(?:xox[abeoprs]|xapp)-", r"[\w.-]", 10),  # Slack
    _Kind(r"(?<=hooks\.slack\.com/services/)", r"[\w/-]", 20),
    _Kind(r"(?<=hooks\.slack\.com/workflows/)", r"[\w/-]", 20),
    _Kind(r"(?<=hooks\.slack\.com/triggers/)", r"[\w/-]", 20),
    _Kind(r"[rs]k_(?:live|test)_", r"[A-Za-z0-9]", 16),  # Stripe
    _Kind(r"whsec_", r"[A-Za-z0-9+/=]", 24),
    _Kind(r"SG\.(?=[\w-]{16})", r"[\w.-]", 60, 16),  # SendGrid
    _Kind(r"sk-", r"[\w-]", 32),  # OpenAI, Anthropic
    _Kind(r"eyJ[\w-]{5,1999}+\.[\w-]{5,}+\.", r"[\w-]", 8, 0),  # a JSON Web Token (RFC 7519), signed or not
)
"""What is told of a kind is its maker's; a piece is what is left where a line was cut."""
_BEFORE = (
    r"(?:(?<![A-Za-z0-9])"
    r"|(?<=\\[bfnrt])|(?<=\\x[0-9A-Fa-f]{2})|(?<=\\u[0-9A-Fa-f]{4})|(?<=\\[0-7]{3})"
    r"|(?<=%[0-9A-Fa-f]{2})|(?<=%25[0-9A-Fa-f]{2})|(?<=%2525[0-9A-Fa-f]{2})"
    r"|(?<=[\[\d;][mK]))"  # the end of a terminal's colour, `ESC [ 31 m`, its ESC written in whatever way (ECMA-48)
)
"""A mark begins a word: also after what a program wrote as an escape, `\\n`, `\\u003d`, `%3D`, or as a colour."""


def marked(*, whole: bool) -> str:
    """Return the regular expression, without groups, of any such token.

    Args:
        whole: Whether it must be as long as those that are given out; else a piece of one will do.
    """
    kinds = (f"{kind.mark}{kind.characters}{{{kind.whole if whole else kind.piece},}}" for kind in _KINDS)
    return rf"{_BEFORE}(?:{'|'.join(kinds)})"
