{{/*
Checks that the schema cannot express, or not with a clear message.  Takes root and tester; prints nothing, or fails.
*/}}
{{- define "bootstrap-monitor.checked" -}}
{{- $tester := .tester -}}
{{- $where := printf "testers.%s" $tester.key -}}
{{- include "bootstrap-monitor.checked-names" . -}}
{{- include "bootstrap-monitor.checked-images" . -}}
{{- include "bootstrap-monitor.checked-node" . -}}
{{- include "bootstrap-monitor.checked-monitor" . -}}
{{- include "bootstrap-monitor.checked-settings" . -}}
{{- if and .root.Values.admissionPolicy.enabled (regexMatch "matchLabelKeys|mismatchLabelKeys" (toJson $tester.affinity)) -}}
{{- fail (printf "%s.affinity: the admission policy does not support matchLabelKeys and mismatchLabelKeys: use a labelSelector instead" $where) -}}
{{- end -}}
{{- if and (not $tester.storage.existingClaim) (not $tester.storage.size) -}}
{{- fail (printf "%s.storage.size is not set: set it to the size of the volume, such as 500Gi" $where) -}}
{{- end -}}
{{- if not (regexMatch "^[0-9]+(\\.[0-9]+)?([KMGTPE]i|[kMGTPE])$" (include "bootstrap-monitor.text" ($tester.storage.size | default "1Gi"))) -}}
{{- fail (printf "%s.storage.size is %s: it must be a number with a unit, such as 500Gi or 2Ti" $where (toJson $tester.storage.size)) -}}
{{- end -}}
{{- with $tester.storage.className -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$" .) -}}
{{- fail (printf "%s.storage.className is %q: it must be the name of a StorageClass: kubectl get storageclass" $where .) -}}
{{- end -}}
{{- end -}}
{{- range $other, $values := .root.Values.testers -}}
{{- $storage := get $values "storage" | default dict -}}
{{- $claim := hasKey $storage "existingClaim" | ternary (get $storage "existingClaim") $.root.Values.defaults.storage.existingClaim -}}
{{- if and $claim (ne $other $tester.key) (eq $claim $tester.storage.existingClaim) -}}
{{- fail (printf "%s and testers.%s both use the claim %s: set a different storage.existingClaim for each tester" $where $other $claim) -}}
{{- end -}}
{{- end -}}
{{- if and $tester.nativeSidecar (not (semverCompare ">=1.29.0-0" .root.Capabilities.KubeVersion.Version)) -}}
{{- fail (printf "%s: Kubernetes %s does not support native sidecars: set nativeSidecar to false" $where .root.Capabilities.KubeVersion.Version) -}}
{{- end -}}
{{- if hasKey ($tester.podAnnotations | default dict) "avalanche.avax.network/avalanchego-versions" -}}
{{- fail (printf "%s.podAnnotations: avalanche.avax.network/avalanchego-versions is set by the monitor: remove it" $where) -}}
{{- end -}}
{{- range $name := keys ($tester.podLabels | default dict) -}}
{{- if has $name (list "app.kubernetes.io/name" "app.kubernetes.io/instance" "app.kubernetes.io/component" "bootstrap-monitor/tester") -}}
{{- fail (printf "%s.podLabels: %s is set by the chart to select the pod: remove it" $where $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "bootstrap-monitor.checked-names" -}}
{{- $tester := .tester -}}
{{- if not (regexMatch "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$" $tester.key) -}}
{{- fail (printf "testers.%s: the name of a tester must consist of lowercase letters, digits and hyphens: rename it" $tester.key) -}}
{{- end -}}
{{- if not (regexMatch "^[a-z]([-a-z0-9]*[a-z0-9])?$" $tester.name) -}}
{{- fail (printf "testers.%s would be named %s, but it must start with a letter and have only lowercase letters, digits and hyphens: set fullnameOverride" $tester.key $tester.name) -}}
{{- end -}}
{{- if gt (len $tester.name) 52 -}}
{{- fail (printf "testers.%s would be named %s, which has %d characters, and the name of a StatefulSet may have at most 52: shorten the name of the tester or of the release, or set fullnameOverride" $tester.key $tester.name (len $tester.name)) -}}
{{- end -}}
{{- end -}}

{{- define "bootstrap-monitor.checked-images" -}}
{{- $where := printf "testers.%s" .tester.key -}}
{{- $repository := "^((([a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)(\\.[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?)*|\\[[0-9a-fA-F:]+\\])(:[0-9]+)?/)?[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*$" -}}
{{- $tag := "^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$" -}}
{{- range $path, $image := dict "image" .tester.image "monitor.image" .tester.monitor.image -}}
{{- if not $image.repository -}}
{{- fail (printf "%s.%s.repository is not set: set it to the repository of the image, without a tag" $where $path) -}}
{{- end -}}
{{- if not (regexMatch $repository $image.repository) -}}
{{- fail (printf "%s.%s.repository is %q: it must be [host[:port]/]name, and the tag must be set in %s.tag" $where $path $image.repository $path) -}}
{{- end -}}
{{- if and $image.tag (not (regexMatch $tag (include "bootstrap-monitor.text" $image.tag))) -}}
{{- fail (printf "%s.%s.tag is %q: it must be only a tag, such as latest" $where $path (include "bootstrap-monitor.text" $image.tag)) -}}
{{- end -}}
{{- end -}}
{{- if not .tester.image.tag -}}
{{- fail (printf "%s.image.tag is not set: set it to the rolling tag of new builds" $where) -}}
{{- end -}}
{{- $monitor := .tester.monitor.image -}}
{{- if and $monitor.digest (not (regexMatch "^sha256:[0-9a-f]{64}$" $monitor.digest)) -}}
{{- fail (printf "%s.monitor.image.digest is %q: it must be sha256: followed by 64 hexadecimal digits" $where $monitor.digest) -}}
{{- end -}}
{{- if and $monitor.digest $monitor.tag -}}
{{- fail (printf "%s.monitor.image has a tag and a digest: remove one of them" $where) -}}
{{- end -}}
{{- end -}}

{{- define "bootstrap-monitor.checked-node" -}}
{{- $where := printf "testers.%s" .tester.key -}}
{{- if not (hasKey .tester "network") -}}
{{- fail (printf "%s.network is not set: set it to mainnet, fuji, or the ID of a network" $where) -}}
{{- end -}}
{{- $network := include "bootstrap-monitor.text" .tester.network -}}
{{- if not (regexMatch "^(mainnet|testnet|fuji|cascade|denali|everest|local|testing|(network-)?[0-9]{1,10})$" $network) -}}
{{- fail (printf "%s.network is %q: it must be mainnet, fuji, another known network, or an ID such as 54321" $where $network) -}}
{{- end -}}
{{- $set := dict "AVAGO_NETWORK_ID" "network" "AVAGO_NETWORK_NAME" "network" "AVAGO_PARTIAL_SYNC_PRIMARY_NETWORK" "syncMode" "AVAGO_CHAIN_CONFIG_CONTENT" "syncMode and node.cChainConfig" "AVAGO_DATA_DIR" "the chart" "AVAGO_DB_DIR" "the chart" -}}
{{- range $name := keys (.tester.node.env | default dict) | sortAlpha -}}
{{- if hasKey $set $name -}}
{{- fail (printf "%s.node.env: %s is set by %s: remove it" $where $name (get $set $name)) -}}
{{- end -}}
{{- end -}}
{{- range $argument := .tester.node.args -}}
{{- $name := regexFind "^--?[^=]+" $argument | trimAll "-" | upper | replace "-" "_" | printf "AVAGO_%s" -}}
{{- if hasKey $set $name -}}
{{- fail (printf "%s.node.args: %s is set by %s: remove it" $where $argument (get $set $name)) -}}
{{- end -}}
{{- end -}}
{{- if hasKey (.tester.node.cChainConfig | default dict) "state-sync-enabled" -}}
{{- fail (printf "%s.node.cChainConfig: state-sync-enabled is set by syncMode: remove it" $where) -}}
{{- end -}}
{{- end -}}

{{- define "bootstrap-monitor.checked-monitor" -}}
{{- if and .tester.monitor.registry.caConfigMap .tester.monitor.registry.caSecret -}}
{{- fail (printf "testers.%s.monitor.registry has a caConfigMap and a caSecret: remove one of them" .tester.key) -}}
{{- end -}}
{{- range $name := list "POD_NAME" "POD_NAMESPACE" "POD_UID" "BOOTSTRAP_MONITOR_DATA_DIR" -}}
{{- if hasKey ($.tester.monitor.env | default dict) $name -}}
{{- fail (printf "testers.%s.monitor.env: %s is set by the chart: remove it" $.tester.key $name) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* The seconds of a duration such as 1h30m. */}}
{{- define "bootstrap-monitor.seconds" -}}
{{- $units := dict "ns" 1e-9 "us" 1e-6 "ms" 1e-3 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0 -}}
{{- $seconds := 0.0 -}}
{{- range regexFindAll "[0-9.]+(ns|us|ms|s|m|h|d)" . -1 -}}
{{- $unit := regexFind "[a-z]+$" . -}}
{{- $seconds = addf $seconds (mulf (trimSuffix $unit . | float64) (get $units $unit)) -}}
{{- end -}}
{{- $seconds -}}
{{- end -}}

{{- define "bootstrap-monitor.checked-settings" -}}
{{- $where := printf "testers.%s.monitor.settings" .tester.key -}}
{{- $known := .root.Files.Get "files/settings.yaml" | fromYaml -}}
{{- $settings := .tester.monitor.settings | default dict -}}
{{- range $name, $_ := $known.durations -}}
{{- if hasKey $settings $name -}}
{{- $value := get $settings $name -}}
{{- if not (or (and (eq $name "deadline") (eq $value "auto")) (regexMatch "^(([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|ms|s|m|h|d))+$" $value)) -}}
{{- fail (printf "%s.%s is %q: it must be a duration such as 30s, 1m30s, 12h or 14d" $where $name $value) -}}
{{- end -}}
{{- if not (regexMatch "[1-9]" $value | or (eq $value "auto")) -}}
{{- fail (printf "%s.%s is %q: it must be longer than zero" $where $name $value) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $durations := mergeOverwrite (deepCopy $known.durations) $settings -}}
{{- $warning := $durations.stallWarning -}}
{{- $timeout := $durations.stallTimeout -}}
{{- if lt (include "bootstrap-monitor.seconds" $timeout | float64) (include "bootstrap-monitor.seconds" $warning | float64) -}}
{{- fail (printf "%s.stallTimeout is %q: it must not be shorter than stallWarning, which is %q" $where $timeout $warning) -}}
{{- end -}}
{{- with $settings.nodeUrl -}}
{{- if not (regexMatch "^http://([^/@\\s]+@)?([^/:@?#\\s]+|\\[[0-9a-fA-F:.]+\\])(:[0-9]+)?(/.*)?$" .) -}}
{{- fail (printf "%s.nodeUrl is %q: it must be http://HOST:PORT" $where .) -}}
{{- end -}}
{{- end -}}
{{- with $settings.registryAuthHost -}}
{{- if not (regexMatch "^([A-Za-z0-9_.-]+|\\[[0-9A-Fa-f:.]+\\])(:[0-9]{1,5})?$" .) -}}
{{- fail (printf "%s.registryAuthHost is %q: it must be host[:port], such as auth.example or auth.example:8443" $where .) -}}
{{- end -}}
{{- end -}}
{{- if and (hasKey $settings "diskFloor") (ge $settings.diskFloor 100.0) -}}
{{- fail (printf "%s.diskFloor is %v: it must be a percentage below 100" $where $settings.diskFloor) -}}
{{- end -}}
{{- with $settings.adopt -}}
{{- if not (regexMatch "^(keep|clear:[A-Za-z0-9]+)$" .) -}}
{{- fail (printf "%s.adopt is %q: it must be keep, or clear:TOKEN with the token from the error" $where .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
