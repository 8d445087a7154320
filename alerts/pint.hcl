# The checks of pint, without a server: pint --offline --config alerts/pint.hcl lint alerts/rules.yaml
parser {
  schema = "prometheus"
  names  = "legacy"
}

# An alert survives a moved pod, and two testers never share one.
rule {
  match { kind = "alerting" }
  aggregate ".+" {
    keep     = ["cluster", "namespace", "tester", "network", "sync_mode"]
    severity = "bug"
  }
  aggregate ".+" {
    strip    = ["pod", "instance", "container", "endpoint"]
    severity = "bug"
  }
  name "Bootstrap[A-Za-z]+" {
    severity = "bug"
  }
  label "severity" {
    value    = "warning|critical"
    required = true
    severity = "bug"
  }
  annotation "summary" {
    value    = "[A-Z][^{]+\\."
    required = true
    severity = "bug"
  }
  annotation "description" {
    required = true
    severity = "bug"
  }
  annotation "runbook_url" {
    value    = "https://.+/{{ $alert }}\\.md"
    required = false
    severity = "bug"
  }
  annotation "dashboard_url" {
    value    = ".*/d/bootstrap-monitor-tester\\?.+"
    required = true
    severity = "bug"
  }
  for {
    max      = "1h"
    severity = "bug"
  }
}
