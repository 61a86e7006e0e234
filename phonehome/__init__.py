"""The command `phonehome`: a module for each of its commands, and what they share.

`analysis` (what is done with traffic) and `addons` (what runs inside mitmproxy) stand at the top of the repository
and are installed as parts of this package. Here they are links.
"""

from phonehome.analysis import __version__

__all__ = ["__version__"]
