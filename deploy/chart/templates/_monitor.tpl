{{/* The securityContext of every container. */}}
{{- define "bootstrap-monitor.restricted" -}}
allowPrivilegeEscalation: false
capabilities:
  drop: [ALL]
{{- end -}}

{{/* The securityContext of the pod; takes a tester. */}}
{{- define "bootstrap-monitor.pod-security" -}}
runAsNonRoot: true
{{- range $name, $identifier := .securityContext }}
{{ $name }}: {{ int64 $identifier }}
{{- end }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{/* The monitor's image; takes root and tester. */}}
{{- define "bootstrap-monitor.monitor-image" -}}
{{- $image := .tester.monitor.image -}}
{{- if $image.digest -}}
{{ $image.repository }}@{{ $image.digest }}
{{- else -}}
{{ $image.repository }}:{{ include "bootstrap-monitor.text" ($image.tag | default .root.Chart.AppVersion) }}
{{- end -}}
{{- end -}}

{{/* The flags of a command, as a list; takes root, tester and command.  `check` gets the flags of `init`. */}}
{{- define "bootstrap-monitor.flags" -}}
{{- $monitor := .tester.monitor -}}
{{- $known := .root.Files.Get "files/settings.yaml" | fromYaml -}}
{{- $settings := deepCopy ($monitor.settings | default dict) -}}
{{- $_ := set $settings "dataDir" "/data" -}}
{{- $_ := set $settings "nodeContainerName" "avalanchego" -}}
{{- $_ := set $settings "rollingTag" .tester.image.tag -}}
{{- if $monitor.registry.credentialsSecret -}}
{{- $_ := set $settings "registryConfig" "/etc/bootstrap-monitor/registry/config.json" -}}
{{- end -}}
{{- if or $monitor.registry.caConfigMap $monitor.registry.caSecret -}}
{{- $_ := set $settings "registryCa" (printf "/etc/bootstrap-monitor/registry-ca/%s" $monitor.registry.caKey) -}}
{{- end -}}
{{- $_ := set $settings "webListenAddress" (printf ":%d" (int64 $monitor.port)) -}}
{{- if $monitor.tlsSecret -}}
{{- $_ := set $settings "webTlsCertificate" "/etc/bootstrap-monitor/tls/tls.crt" -}}
{{- $_ := set $settings "webTlsKey" "/etc/bootstrap-monitor/tls/tls.key" -}}
{{- end -}}
{{- $flags := list -}}
{{- range $name, $value := $settings -}}
{{- if not (has $name (get $known.notOf $.command | default list)) -}}
{{- if kindIs "bool" $value -}}
{{- $flags = append $flags (printf "--%s%s" (ternary "" "no-" $value) (kebabcase $name)) -}}
{{- else -}}
{{- $flags = append $flags (printf "--%s=%s" (kebabcase $name) (include "bootstrap-monitor.text" $value)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- toYaml $flags -}}
{{- end -}}

{{/* The mounts of every container of the monitor, except the data; takes a tester. */}}
{{- define "bootstrap-monitor.mounts" -}}
- name: token
  mountPath: /var/run/secrets/kubernetes.io/serviceaccount
  readOnly: true
{{- if .monitor.registry.credentialsSecret }}
- name: registry-credentials
  mountPath: /etc/bootstrap-monitor/registry
  readOnly: true
{{- end }}
{{- if or .monitor.registry.caConfigMap .monitor.registry.caSecret }}
- name: registry-ca
  mountPath: /etc/bootstrap-monitor/registry-ca
  readOnly: true
{{- end }}
{{- end -}}

{{/* The volumes for those mounts; takes a tester. */}}
{{- define "bootstrap-monitor.volumes" -}}
# The pod gets no token; only the monitor's containers mount this one.
- name: token
  projected:
    sources:
      - serviceAccountToken:
          path: token
          expirationSeconds: 3600
      - configMap:
          name: kube-root-ca.crt
          items: [{key: ca.crt, path: ca.crt}]
      - downwardAPI:
          items: [{path: namespace, fieldRef: {fieldPath: metadata.namespace}}]
{{- with .monitor.registry.credentialsSecret }}
- name: registry-credentials
  secret:
    secretName: {{ . | quote }}
    items: [{key: .dockerconfigjson, path: config.json}]
{{- end }}
{{- if .monitor.registry.caConfigMap }}
- name: registry-ca
  configMap:
    name: {{ .monitor.registry.caConfigMap | quote }}
{{- else if .monitor.registry.caSecret }}
- name: registry-ca
  secret:
    secretName: {{ .monitor.registry.caSecret | quote }}
{{- end }}
{{- end -}}

{{/* The variables of the monitor's containers, except those that identify the pod; takes a tester. */}}
{{- define "bootstrap-monitor.monitor-environment" -}}
{{- $variables := deepCopy (.monitor.env | default dict) -}}
{{- range $variable, $name := dict "HTTPS_PROXY" "https" "HTTP_PROXY" "http" "NO_PROXY" "none" -}}
{{- with get $.monitor.proxy $name -}}
{{- $_ := set $variables $variable . -}}
{{- end -}}
{{- end -}}
{{- include "bootstrap-monitor.environment" $variables -}}
{{- end -}}

{{/* A container of the monitor beside the node; takes root, tester, name and command. */}}
{{- define "bootstrap-monitor.monitor" -}}
- name: {{ .name }}
  image: {{ include "bootstrap-monitor.monitor-image" . | quote }}
  imagePullPolicy: {{ .tester.monitor.image.pullPolicy }}
  args:
    - {{ .command }}
    {{- include "bootstrap-monitor.flags" . | nindent 4 }}
  env:
    - name: POD_NAME
      valueFrom: {fieldRef: {fieldPath: metadata.name}}
    - name: POD_NAMESPACE
      valueFrom: {fieldRef: {fieldPath: metadata.namespace}}
    - name: POD_UID
      valueFrom: {fieldRef: {fieldPath: metadata.uid}}
    # For commands that a person runs in here.
    - name: BOOTSTRAP_MONITOR_DATA_DIR
      value: /data
    {{- with include "bootstrap-monitor.monitor-environment" .tester }}
    {{- . | nindent 4 }}
    {{- end }}
  {{- with .tester.monitor.resources }}
  resources:
    {{- toYaml . | nindent 4 }}
  {{- end }}
  securityContext:
    {{- include "bootstrap-monitor.restricted" .tester | nindent 4 }}
    readOnlyRootFilesystem: true
  volumeMounts:
    - name: node-data
      mountPath: /data
    {{- include "bootstrap-monitor.mounts" .tester | nindent 4 }}
    {{- if and .tester.monitor.tlsSecret (eq .command "wait-for-completion") }}
    - name: tls
      mountPath: /etc/bootstrap-monitor/tls
      readOnly: true
    {{- end }}
    {{- with .tester.monitor.volumeMounts }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}

{{/* The container that watches the node; takes root and tester. */}}
{{- define "bootstrap-monitor.sidecar" -}}
{{- $monitor := .tester.monitor -}}
{{- $scheme := ternary "HTTPS" "HTTP" (not (empty $monitor.tlsSecret)) -}}
{{ include "bootstrap-monitor.monitor" (merge (dict "name" "bootstrap-monitor" "command" "wait-for-completion") .) }}
  ports:
    - name: metrics
      containerPort: {{ int64 $monitor.port }}
  # No probe waits for the node: `init` starts after the startup probe, and the node after `init`.
  startupProbe:
    httpGet: {path: /-/ready, port: metrics, scheme: {{ $scheme }}}
    {{- with $monitor.startupProbe }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  readinessProbe:
    httpGet: {path: /-/ready, port: metrics, scheme: {{ $scheme }}}
    {{- with $monitor.readinessProbe }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  livenessProbe:
    httpGet: {path: /-/healthy, port: metrics, scheme: {{ $scheme }}}
    {{- with $monitor.livenessProbe }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end -}}
