{{/*
A value as a CEL literal, as the API server returns it: without null or empty fields.  A map with values of several types
needs dyn().
*/}}
{{- define "bootstrap-monitor.literal" -}}
{{- $parts := list -}}
{{- if kindIs "map" . -}}
{{- range $name, $value := . -}}
{{- $mayBeEmpty := not (or (has (kindOf $value) (list "invalid" "string" "slice")) (eq $name "matchLabels")) -}}
{{- if or $value $mayBeEmpty -}}
{{- $parts = append $parts (printf "%s: dyn(%s)" (toJson $name) (include "bootstrap-monitor.literal" $value)) -}}
{{- end -}}
{{- end -}}
{{- printf "{%s}" (join ", " $parts) -}}
{{- else if kindIs "slice" . -}}
{{- range $value := . -}}
{{- $parts = append $parts (printf "dyn(%s)" (include "bootstrap-monitor.literal" $value)) -}}
{{- end -}}
{{- printf "[%s]" (join ", " $parts) -}}
{{- else -}}
{{- toJson . -}}
{{- end -}}
{{- end -}}

{{/* A pattern of the images of the node's repository, as a literal.  Takes a tester, and the quantifier of the digest. */}}
{{- define "bootstrap-monitor.image-pattern" -}}
{{- $repository := regexQuoteMeta (index . 0).image.repository -}}
{{- printf "^%s(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@[a-z0-9+._-]+:[0-9a-fA-F]{32,})%s$" $repository (index . 1) | toJson -}}
{{- end -}}

{{/*
The placement of a tester's version pods, as JSON: the placement in the values, and the fields that the cluster adds
before it evaluates a policy: the scheduling of the RuntimeClass, and the default priority of pods.
*/}}
{{- define "bootstrap-monitor.version-pod-placement" -}}
{{- $selector := deepCopy (.nodeSelector | default dict) -}}
{{- $tolerations := .tolerations | default list -}}
{{- $priorities := list -}}
{{- with .runtimeClassName -}}
{{- $scheduling := (lookup "node.k8s.io/v1" "RuntimeClass" "" .).scheduling | default dict -}}
{{- $selector = merge $selector ($scheduling.nodeSelector | default dict) -}}
{{- $tolerations = concat $tolerations ($scheduling.tolerations | default list) | default list -}}
{{- end -}}
{{- if .priorityClassName -}}
{{- $priorities = list .priorityClassName -}}
{{- else -}}
{{- $priorities = list "" -}}
{{- range (lookup "scheduling.k8s.io/v1" "PriorityClass" "" "").items -}}
{{- if .globalDefault -}}
{{- $priorities = append $priorities .metadata.name -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- dict "nodeSelector" $selector "tolerations" $tolerations "priorities" $priorities | toJson -}}
{{- end -}}

{{/* The variables of a policy about version pods; takes a tester. */}}
{{- define "bootstrap-monitor.version-pod-variables" -}}
- name: podSecurity
  expression: >-
    {{ include "bootstrap-monitor.literal" (include "bootstrap-monitor.pod-security" . | fromYaml) }}
# A LimitRange may add some storage.
- name: mostResources
  expression: '{"cpu": "1", "memory": "256Mi", "ephemeral-storage": "10Gi"}'
{{- end -}}

{{/* The validations of a policy that allow only the monitor's own version pod; takes root and tester. */}}
{{- define "bootstrap-monitor.version-pod-validations" -}}
{{- $root := .root -}}
{{- $tester := .tester -}}
{{- with $tester -}}
{{- $known := $root.Files.Get "files/settings.yaml" | fromYaml -}}
{{- $settings := $tester.monitor.settings | default dict -}}
{{- $placement := include "bootstrap-monitor.version-pod-placement" . | fromJson -}}
{{- $command := .node.command | default (list "./avalanchego") -}}
{{- if has (base (first $command)) (list "sh" "bash" "dash" "ash" "zsh") -}}
{{- $command = list "./avalanchego" -}}
{{- end -}}
- message: the monitor may create only its version pod, owned by its own pod
  reason: Forbidden
  expression: >-
    !variables.creates || (
    object.metadata.name == "{{ .versionPod }}"
    && has(object.metadata.labels) && object.metadata.labels == {
    "app.kubernetes.io/managed-by": "bootstrap-monitor",
    "app.kubernetes.io/name": "bootstrap-monitor",
    "app.kubernetes.io/component": "version-check"}
    && has(object.metadata.ownerReferences) && size(object.metadata.ownerReferences) == 1
    && object.metadata.ownerReferences[0].kind == "Pod"
    && object.metadata.ownerReferences[0].name == "{{ .pod }}")
# LimitRanger and OpenShift add the allowed annotations.
- message: the version pod may have only its labels and its owner as metadata, no annotation or finalizer
  reason: Forbidden
  expression: >-
    !variables.creates || (
    object.metadata.all(part, part in ["name", "namespace", "uid", "generation", "creationTimestamp",
    "managedFields", "labels", "ownerReferences", "annotations"])
    && (!has(object.metadata.annotations) || object.metadata.annotations.all(name, name in [
    "kubernetes.io/limit-ranger", "openshift.io/scc", "security.openshift.io/validated-scc-subject-type"])))
- message: the version pod must run as the default ServiceAccount, without a token
  reason: Forbidden
  expression: >-
    !variables.creates || (
    has(variables.spec.automountServiceAccountToken) && variables.spec.automountServiceAccountToken == false
    && (!has(variables.spec.serviceAccountName) || variables.spec.serviceAccountName in ["", "default"]))
# Any other field is refused: volumes, a node name, host namespaces, more kinds of containers, scheduling gates.
- message: the version pod may have only one container, a deadline and the placement of its tester
  reason: Forbidden
  expression: >-
    !variables.creates || variables.spec.all(part, part in ["containers", "restartPolicy", "activeDeadlineSeconds",
    "terminationGracePeriodSeconds", "automountServiceAccountToken", "enableServiceLinks", "serviceAccountName",
    "serviceAccount", "imagePullSecrets", "securityContext", "nodeSelector", "affinity", "tolerations",
    "runtimeClassName", "overhead", "priorityClassName", "priority", "preemptionPolicy", "schedulerName", "dnsPolicy"])
- message: the version pod must end within monitor.settings.versionPodTimeout, not restart, and stop within 30 seconds
  reason: Forbidden
  expression: >-
    !variables.creates || (
    has(variables.spec.activeDeadlineSeconds) && variables.spec.activeDeadlineSeconds
    <= duration({{ $settings.versionPodTimeout | default $known.durations.versionPodTimeout | toJson }}).getSeconds() + 1
    && variables.spec.restartPolicy == "Never" && variables.spec.terminationGracePeriodSeconds <= 30)
- message: the version pod must have the placement and the priority that the values set for its tester
  reason: Forbidden
  expression: >-
    !variables.creates || (
    (has(variables.spec.priorityClassName) ? variables.spec.priorityClassName : "") in {{ toJson $placement.priorities }}
    && (has(variables.spec.runtimeClassName) ? variables.spec.runtimeClassName : "")
    == {{ toJson (.runtimeClassName | default "") }}
    && variables.spec.schedulerName == "default-scheduler"
    && (has(variables.spec.nodeSelector) ? variables.spec.nodeSelector : {})
    == {{ include "bootstrap-monitor.literal" $placement.nodeSelector }}
    && (has(variables.spec.affinity) ? variables.spec.affinity : {})
    == {{ include "bootstrap-monitor.literal" (.affinity | default dict) }}
    && (!has(variables.spec.tolerations) || variables.spec.tolerations.all(each,
    each in {{ include "bootstrap-monitor.literal" $placement.tolerations }}
    || (has(each.key) && each.key in ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
    && has(each.effect) && each.effect == "NoExecute"))))
# If the values set no user, the cluster sets one, as OpenShift does.
- message: the version pod must be as restricted as its tester
  reason: Forbidden
  expression: >-
    !variables.creates || (
    has(variables.spec.securityContext)
    && variables.podSecurity.all(part, part in variables.spec.securityContext
    && variables.spec.securityContext[part] == variables.podSecurity[part])
    && variables.spec.securityContext.all(part, part in variables.podSecurity
    || (part in ["runAsUser", "runAsGroup", "fsGroup"] && variables.spec.securityContext[part] > 0)
    || (part == "seLinuxOptions" && variables.spec.securityContext[part].all(option, option == "level")))
    && variables.containers.all(only, has(only.securityContext)
    && only.securityContext.all(part, part in ["allowPrivilegeEscalation", "capabilities", "runAsUser", "runAsNonRoot"])
    && has(only.securityContext.allowPrivilegeEscalation) && only.securityContext.allowPrivilegeEscalation == false
    && has(only.securityContext.capabilities) && !has(only.securityContext.capabilities.add)
    && has(only.securityContext.capabilities.drop) && "ALL" in only.securityContext.capabilities.drop
    && (!has(only.securityContext.runAsNonRoot) || only.securityContext.runAsNonRoot == true)
    && (!has(only.securityContext.runAsUser) || ("runAsUser" in variables.podSecurity
    ? only.securityContext.runAsUser == variables.podSecurity["runAsUser"] : only.securityContext.runAsUser > 0))))
- message: the version pod may have at most one CPU and 256Mi of memory
  reason: Forbidden
  expression: >-
    !variables.creates || variables.containers.all(only, has(only.resources)
    && only.resources.all(kind, kind in ["requests", "limits"]
    && only.resources[kind].all(name, name in variables.mostResources
    && quantity(only.resources[kind][name]).compareTo(quantity(variables.mostResources[name])) <= 0))
    && has(only.resources.limits) && "cpu" in only.resources.limits && "memory" in only.resources.limits)
- message: the version pod must run only the node's image, to print its versions
  reason: Forbidden
  expression: >-
    !variables.creates || (size(variables.containers) == 1 && variables.containers.all(only,
    only.all(part, part in ["name", "image", "imagePullPolicy", "command", "args", "resources", "securityContext",
    "terminationMessagePath", "terminationMessagePolicy"])
    && only.image.matches({{ include "bootstrap-monitor.image-pattern" (list . "?") }})
    && has(only.command) && only.command == {{ toJson $command }}
    && has(only.args) && only.args == ["--version-json"]))
{{- end -}}
{{- end -}}
