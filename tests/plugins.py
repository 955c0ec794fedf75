"""Which plugins a pytest loads that a test starts: greenroom's and Hypothesis's, as with a user who has nothing else.

All that is installed here (locust, schemathesis, servers) would take each such process more CPU than what the test is about.
"""

from __future__ import annotations

from typing import Final

NO_OTHERS: Final = {
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTEST_PLUGINS": "greenroom.pytest_plugin,_hypothesis_pytestplugin",
}
"""Variables for its environment."""
