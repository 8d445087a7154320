{{/* The prefix of the names of all objects. */}}
{{- define "bootstrap-monitor.prefix" -}}
{{- .Values.fullnameOverride | default .Release.Name -}}
{{- end -}}

{{/* The name of a StatefulSet's version pods, as the monitor computes it: a name that is too long ends with a hash. */}}
{{- define "bootstrap-monitor.version-pod" -}}
{{- if le (len .) 49 -}}
{{- . -}}-version-check
{{- else -}}
{{- trunc 40 . | trimAll "-." -}}-{{- sha256sum . | trunc 8 -}}-version-check
{{- end -}}
{{- end -}}

{{/* The labels that select the testers of the release. */}}
{{- define "bootstrap-monitor.release-labels" -}}
app.kubernetes.io/name: bootstrap-monitor
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{/* The labels that select the pod of one tester; takes root and tester.  A StatefulSet's selector cannot be changed later. */}}
{{- define "bootstrap-monitor.selector-labels" -}}
{{ include "bootstrap-monitor.release-labels" .root }}
app.kubernetes.io/component: tester
bootstrap-monitor/tester: {{ .tester.key | quote }}
{{- end -}}

{{/* The labels of every object of the release; takes root. */}}
{{- define "bootstrap-monitor.common-labels" -}}
{{ include "bootstrap-monitor.release-labels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{/* The labels of a tester's objects; takes root and tester. */}}
{{- define "bootstrap-monitor.tester-labels" -}}
{{ include "bootstrap-monitor.common-labels" .root }}
app.kubernetes.io/component: tester
bootstrap-monitor/tester: {{ .tester.key | quote }}
{{- end -}}

{{/* The labels of one switch, overridden by the labels of all objects; takes root and of (the values of the switch). */}}
{{- define "bootstrap-monitor.switch-labels" -}}
{{ merge (include "bootstrap-monitor.common-labels" .root | fromYaml) (.of.labels | default dict) | toYaml }}
{{- end -}}
