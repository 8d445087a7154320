{{/*
The node's image.  The monitor pins a build in the live StatefulSet.  The chart renders that build, so that an upgrade
neither reverts it to the rolling tag nor conflicts with the monitor.  Another repository in the values takes precedence.
Takes root and tester.
*/}}
{{- define "bootstrap-monitor.node-image" -}}
{{- $repository := .tester.image.repository -}}
{{- $found := dict "image" (printf "%s:%s" $repository (include "bootstrap-monitor.text" .tester.image.tag)) -}}
{{- $live := lookup "apps/v1" "StatefulSet" .root.Release.Namespace .tester.name | default dict -}}
{{- range dig "spec" "template" "spec" "containers" list $live -}}
{{- if and (eq .name "avalanchego") (contains "@" .image) -}}
{{- if eq $repository (regexReplaceAll ":[^:/]+$" (splitList "@" .image | first) "") -}}
{{- $_ := set $found "image" .image -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $found.image -}}
{{- end -}}

{{/* The settings that define the sync mode; takes a tester.  The monitor reads the mode from them. */}}
{{- define "bootstrap-monitor.node-settings" -}}
{{- $settings := dict "AVAGO_DATA_DIR" "/data/avalanchego" "AVAGO_NETWORK_ID" .network -}}
{{- $_ := set $settings "AVAGO_PARTIAL_SYNC_PRIMARY_NETWORK" (eq .syncMode "only-p-chain-full-sync") -}}
{{- if ne .syncMode "only-p-chain-full-sync" -}}
{{- $chain := dict "state-sync-enabled" (eq .syncMode "c-chain-state-sync") -}}
{{- $chain = include "bootstrap-monitor.overlaid" (list (.node.cChainConfig | default dict) $chain) -}}
{{- $chains := printf "{\"C\":{\"Config\":%q,\"Upgrade\":null}}" (b64enc $chain) -}}
{{- $_ := set $settings "AVAGO_CHAIN_CONFIG_CONTENT" (b64enc $chains) -}}
{{- end -}}
{{- $settings | toJson -}}
{{- end -}}

{{/* The node's container; takes root and tester. */}}
{{- define "bootstrap-monitor.node" -}}
{{- $tester := .tester -}}
- name: avalanchego
  image: {{ include "bootstrap-monitor.node-image" . | quote }}
  imagePullPolicy: {{ $tester.image.pullPolicy }}
  {{- with $tester.node.command }}
  command:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $tester.node.args }}
  args:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  env:
    {{- include "bootstrap-monitor.environment" (include "bootstrap-monitor.node-settings" $tester | fromJson) | nindent 4 }}
    {{- with include "bootstrap-monitor.environment" $tester.node.env }}
    {{- . | nindent 4 }}
    {{- end }}
  terminationMessagePolicy: FallbackToLogsOnError # a node that rejects its flags writes no log file
  {{- with $tester.node.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "bootstrap-monitor.restricted" $tester | nindent 4 }}
  volumeMounts:
    - name: node-data
      mountPath: /data/avalanchego
      subPath: avalanchego
    {{- with $tester.node.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
