"""What is done with a phone's traffic: read it, locate it, name what is in it, report it.

Nothing here knows of `addons`, the part that runs inside mitmproxy.
"""

__version__ = "0.1.0"
