"""The command `phonehome`: a module for each of its commands, and what they share.

`analysis` (what is done with traffic) and `addons` (what runs inside mitmproxy) stand at the top of the repository
and are installed as parts of this package. Here they are links. Where a checkout has none (Git for Windows writes a
text file in the place of each), the folder above is searched as well.
"""

from pathlib import Path

_HERE = Path(__file__).parent
if not (_HERE / "analysis").is_dir():
    if not (_HERE.parent / "analysis" / "__init__.py").is_file():
        raise ImportError(
            f"{_HERE / 'analysis'} should be a folder, or a link to ../analysis. Check out the repository as a whole "
            "(git config core.symlinks true), or install the package: pip install ."
        )
    __path__.append(str(_HERE.parent))

from phonehome.analysis import __version__  # noqa: E402  (what it needs is found above)

__all__ = ["__version__"]
