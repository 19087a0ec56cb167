{{/* Refuses values that can't work, each by its name. Writes nothing. */}}
{{- define "cluster-dns.check" -}}
{{- $values := .Values -}}
{{- $facts := include "cluster-dns.facts" . | fromJson -}}
{{- $faults := list -}}
{{- if and $values.hpa.enabled $values.autoscaler.enabled -}}
  {{- $faults = append $faults "hpa.enabled and autoscaler.enabled: both would set the number of replicas; choose one" -}}
{{- end -}}
{{- if and (eq $values.deployment.dnsPolicy "None") (not $values.deployment.dnsConfig) -}}
  {{- $faults = append $faults "deployment.dnsPolicy: None needs name servers in deployment.dnsConfig" -}}
{{- end -}}
{{- if regexMatch `(^|/)(coredns/coredns|coredns|mirrored-coredns-coredns|hardened-coredns)$` $values.image.repository -}}
  {{- $faults = append $faults (printf "image.repository: %s is an image of CoreDNS; build that of cluster-dns (docker build .) and name it, or leave image.repository and image.tag out" $values.image.repository) -}}
{{- end -}}
{{- if and $values.adopt (eq .Release.Namespace "default") -}}
  {{- $faults = append $faults "adopt: this release is for the namespace default, and a cluster's DNS is in kube-system: add --namespace kube-system" -}}
{{- end -}}
{{- if and $values.adopt (not $values.isClusterService) -}}
  {{- $faults = append $faults "adopt: what is taken over is the cluster's DNS, so isClusterService can't be false" -}}
{{- end -}}
{{- if $values.rbac.pspEnable -}}
  {{- $faults = append $faults "rbac.pspEnable: Kubernetes has no PodSecurityPolicy any more; take it out" -}}
{{- end -}}
{{- if $values.rbac.multiclusterEnable -}}
  {{- $faults = append $faults "rbac.multiclusterEnable: multicluster of the plugin kubernetes is not built; leave the multicluster zones to CoreDNS" -}}
{{- end -}}
{{- if and $values.deployment.enabled (not $values.deployment.skipConfig) -}}
  {{- if not (or $values.corefile $values.servers) -}}
    {{- $faults = append $faults "servers: there is no server block, and no corefile" -}}
  {{- end -}}
  {{- if not $facts.unseen -}}
    {{- range $probe, $plugin := dict "livenessProbe" "health" "readinessProbe" "ready" -}}
      {{- if and (get (get $values $probe) "enabled") (not (get $facts $plugin)) -}}
        {{- $faults = append $faults (printf "%s.enabled: the Corefile has no %s to ask; add the plugin, or set it to false" $probe $plugin) -}}
      {{- end -}}
    {{- end -}}
  {{- end -}}
  {{- if not $values.corefile }}{{ $faults = concat $faults (include "cluster-dns.serverFaults" . | fromJsonArray) }}{{ end -}}
{{- end -}}
{{- with $faults -}}
{{- fail (printf "\n\nvalues of cluster-dns:\n  %s\n" (join "\n  " .)) -}}
{{- end -}}
{{- end -}}

{{/* Faults of `servers`, as a JSON list. */}}
{{- define "cluster-dns.serverFaults" -}}
{{- $faults := list -}}
{{- $built := include "cluster-dns.plugins" . | splitList " " -}}
{{- range $s, $server := .Values.servers -}}
  {{- range $z, $zone := $server.zones -}}
    {{- if not (has ($zone.scheme | default "dns://") (list "dns://" "dns")) -}}
      {{- $faults = append $faults (printf "servers[%d].zones[%d].scheme: %s is not built; serve dns:// and put a proxy that speaks the other protocol in front" $s $z $zone.scheme) -}}
    {{- end -}}
  {{- end -}}
  {{- range $p, $plugin := $server.plugins -}}
    {{- if not (has $plugin.name $built) -}}
      {{- $faults = append $faults (printf "servers[%d].plugins[%d].name: the plugin %s is not built; docs/migrating-from-coredns.md says what to do in its place. In an image of your own that has it, use corefile" $s $p $plugin.name) -}}
    {{- end -}}
  {{- end -}}
{{- end -}}
{{- toJson $faults -}}
{{- end -}}

{{/* What a Corefile may have, held to the program's by a test. */}}
{{- define "cluster-dns.plugins" -}}
bind bufsize cache debug errors forward health hosts import kubernetes loadbalance log loop multisocket prometheus ready reload service_watch source_limit whoami
{{- end -}}

{{/* What works, and is likely not what is wanted: a line each. */}}
{{- define "cluster-dns.warnings" -}}
{{- $warnings := list -}}
{{- if and .Values.adopt (ne .Release.Namespace "kube-system") -}}
  {{- $warnings = append $warnings (printf "adopt is set and the namespace is %s: kubeadm's DNS is in kube-system, and is not taken over from here." .Release.Namespace) -}}
{{- end -}}
{{- if .Values.deployment.enabled -}}
{{- if lt (include "cluster-dns.graceSeconds" . | int) (include "cluster-dns.neededGraceSeconds" . | int) -}}
  {{- $warnings = append $warnings (printf "terminationGracePeriodSeconds is %s, and lameduck with the replies that are on their way may take %s: Pods may be killed before they have answered." (include "cluster-dns.graceSeconds" .) (include "cluster-dns.neededGraceSeconds" .)) -}}
{{- end -}}
{{- $memory := dig "limits" "memory" "" (.Values.resources | default dict) -}}
{{- $mebibytes := include "cluster-dns.mebibytes" $memory | int -}}
{{- if and (gt $mebibytes 0) (lt $mebibytes 256) -}}
  {{- $warnings = append $warnings (printf "resources.limits.memory is %v: an idle server takes 85 to 105 MiB, and with full caches more than twice that; leave the limit out, or set 512Mi." $memory) -}}
{{- end -}}
{{- with dig "limits" "cpu" "" (.Values.resources | default dict) | toString -}}
  {{- $warnings = append $warnings (printf "resources.limits.cpu is %s: a start takes a second of CPU or two, and at the limit every name is late. Leave it out." .) -}}
{{- end -}}
{{- if and (not (or .Values.hpa.enabled .Values.autoscaler.enabled)) (lt (int .Values.replicaCount) 2) -}}
  {{- $warnings = append $warnings "replicaCount is below two: the cluster is without DNS while that Pod is replaced." -}}
{{- end -}}
{{- if and (not .Values.deployment.skipConfig) (include "cluster-dns.facts" . | fromJson).state (not .Values.state.enabled) (not .Values.extraVolumeMounts) -}}
  {{- $warnings = append $warnings "the Corefile has state, and state.enabled is false: the root file system is read-only, so nothing is kept." -}}
{{- end -}}
{{- $capabilities := dig "capabilities" dict (.Values.securityContext | default dict) -}}
{{- if and (has "ALL" ($capabilities.drop | default list)) (not (has "NET_BIND_SERVICE" ($capabilities.add | default list))) -}}
  {{- $low := list -}}
  {{- range include "cluster-dns.dnsPorts" . | fromJsonArray }}{{ if lt (int .port) 1024 }}{{ $low = append $low (int .port | toString) }}{{ end }}{{ end -}}
  {{- with $low -}}
    {{- $warnings = append $warnings (printf "securityContext adds no NET_BIND_SERVICE: port %s can't be opened, unless the nodes' runtime lets everybody." (join ", " .)) -}}
  {{- end -}}
{{- end -}}
{{- end -}}
{{- range $warnings }}
WARNING: {{ . }}
{{- end -}}
{{- end -}}
