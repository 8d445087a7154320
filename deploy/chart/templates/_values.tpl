{{/*
A map merged over another, as JSON; takes a list of both.  Maps are merged, other values are replaced, and `null` removes
a value.  Sprig's own merge functions never let a false, zero or empty value override another one.
*/}}
{{- define "bootstrap-monitor.overlaid" -}}
{{- $base := index . 0 | default dict -}}
{{- $over := index . 1 | default dict -}}
{{- $result := dict -}}
{{- range $key, $value := $base -}}
{{- if not (or (hasKey $over $key) (kindIs "invalid" $value)) -}}
{{- $_ := set $result $key $value -}}
{{- if kindIs "map" $value -}}
{{- $_ := set $result $key (include "bootstrap-monitor.overlaid" (list $value dict) | fromJson) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range $key, $value := $over -}}
{{- if kindIs "invalid" $value -}}
{{- else if and (kindIs "map" $value) (kindIs "map" (get $base $key)) -}}
{{- $_ := set $result $key (include "bootstrap-monitor.overlaid" (list (get $base $key) $value) | fromJson) -}}
{{- else if kindIs "map" $value -}}
{{- $_ := set $result $key (include "bootstrap-monitor.overlaid" (list dict $value) | fromJson) -}}
{{- else -}}
{{- $_ := set $result $key $value -}}
{{- end -}}
{{- end -}}
{{- $result | toJson -}}
{{- end -}}

{{/* A value as it was written: templates print large numbers as 1e+06. */}}
{{- define "bootstrap-monitor.text" -}}
{{- if kindIs "string" . -}}{{ . }}{{- else -}}{{ toJson . }}{{- end -}}
{{- end -}}

{{/* One tester: its values merged over the defaults, and the names of its objects; as JSON.  Takes root and key. */}}
{{- define "bootstrap-monitor.tester" -}}
{{- $root := .root -}}
{{- $tester := include "bootstrap-monitor.overlaid" (list $root.Values.defaults (get $root.Values.testers .key)) | fromJson -}}
{{- $name := printf "%s-%s" (include "bootstrap-monitor.prefix" $root) .key -}}
{{- $_ := set $tester "key" .key -}}
{{- $_ := set $tester "name" $name -}}
{{- $_ := set $tester "pod" (printf "%s-0" $name) -}}
{{- $_ := set $tester "versionPod" (include "bootstrap-monitor.version-pod" $name) -}}
{{- $_ := set $tester "claim" ($tester.storage.existingClaim | default (printf "%s-data" $name)) -}}
{{- $settings := $tester.monitor.settings | default dict -}}
{{- $_ := set $tester "startsVersionPods" (ne (get $settings "imageSource") "registry") -}}
{{- include "bootstrap-monitor.checked" (dict "root" $root "tester" $tester) -}}
{{- $tester | toJson -}}
{{- end -}}

{{/* A container's `env` from a map of names to values, or to objects with `valueFrom`. */}}
{{- define "bootstrap-monitor.environment" -}}
{{- $variables := list -}}
{{- range $name, $value := . -}}
{{- if kindIs "map" $value -}}
{{- $variables = append $variables (dict "name" $name "valueFrom" $value.valueFrom) -}}
{{- else -}}
{{- $variables = append $variables (dict "name" $name "value" (include "bootstrap-monitor.text" $value)) -}}
{{- end -}}
{{- end -}}
{{- with $variables -}}
{{- toYaml . -}}
{{- end -}}
{{- end -}}
