"""The alerts and rules of config/prometheus as an object of Kubernetes: `python -m config.kubernetes.make` writes monitoring/rules.yaml."""

from pathlib import Path
from textwrap import indent

__all__ = ["RULES", "rules"]

RULES = Path(__file__).parent / "monitoring" / "rules.yaml"
_PROMETHEUS = Path(__file__).parents[1] / "prometheus"
_HEAD = """\
# Made from config/prometheus/{name}.yml by `python -m config.kubernetes.make`: change that.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: seamwatch-{name}
  namespace: seamwatch
  labels: {{app.kubernetes.io/name: seamwatch, app.kubernetes.io/component: seamwatch}}
spec:
"""


def rules() -> str:
    """Return the objects, one for each file, with its groups as they stand there."""
    made = []
    for name in ("rules", "alerts"):
        _, groups, below = (_PROMETHEUS / f"{name}.yml").read_text().partition("groups:\n")
        made.append(_HEAD.format(name=name) + indent(groups + below, "  "))
    return "---\n".join(made)


if __name__ == "__main__":
    RULES.write_text(rules())
