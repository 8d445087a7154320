{{/* What comes before a tester's name in the names of its objects. */}}
{{- define "bootstrap-monitor.prefix" -}}
{{- .Values.fullnameOverride | default .Release.Name -}}
{{- end -}}

{{/* The name of a StatefulSet's check pods, as the monitor makes it: too long a name is told apart by its hash. */}}
{{- define "bootstrap-monitor.check-pod" -}}
{{- if le (len .) 49 -}}
{{- . -}}-version-check
{{- else -}}
{{- trunc 40 . | trimAll "-." -}}-{{- sha256sum . | trunc 8 -}}-version-check
{{- end -}}
{{- end -}}

{{/* What finds the release's testers. */}}
{{- define "bootstrap-monitor.release-labels" -}}
app.kubernetes.io/name: bootstrap-monitor
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* What finds one tester's pod; takes root and tester.  A StatefulSet's selector cannot be changed later. */}}
{{- define "bootstrap-monitor.selector-labels" -}}
{{ include "bootstrap-monitor.release-labels" .root }}
app.kubernetes.io/component: tester
bootstrap-monitor/tester: {{ .tester.key | quote }}
{{- end -}}

{{/* What every object of the release bears; takes root. */}}
{{- define "bootstrap-monitor.common-labels" -}}
{{ include "bootstrap-monitor.release-labels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* What a tester's objects bear; takes root and tester. */}}
{{- define "bootstrap-monitor.tester-labels" -}}
{{ include "bootstrap-monitor.common-labels" .root }}
app.kubernetes.io/component: tester
bootstrap-monitor/tester: {{ .tester.key | quote }}
{{- end -}}

{{/* Labels of one switch, over which those win that are common to all objects; takes root and of (the values of the switch). */}}
{{- define "bootstrap-monitor.switch-labels" -}}
{{ merge (include "bootstrap-monitor.common-labels" .root | fromYaml) (.of.labels | default dict) | toYaml }}
{{- end -}}
