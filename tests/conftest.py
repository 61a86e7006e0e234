"""Settings of all tests."""

from hypothesis import settings

# How long one example takes says more of what else the machine does than of the code; what must be quick has a test of
# its own that measures it.
settings.register_profile("phonehome", deadline=None)
settings.load_profile("phonehome")
