{{- define "node-local-dns.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- $name := default .Chart.Name .Values.nameOverride -}}
{{- if contains $name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name $name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "node-local-dns.selectorLabels" -}}
k8s-app: {{ include "node-local-dns.fullname" . | quote }}
{{- end -}}

{{/* Without versions, so that Pods are only replaced where something of them changes. */}}
{{- define "node-local-dns.podLabels" -}}
{{ include "node-local-dns.selectorLabels" . }}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "node-local-dns.labels" -}}
{{ include "node-local-dns.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- with .Values.customLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "node-local-dns.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "node-local-dns.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "node-local-dns.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository $tag }}
{{- end -}}
{{- end -}}

{{/* A value that is one address, several with commas, or a list, with commas. */}}
{{- define "node-local-dns.addresses" -}}
{{- if kindIs "slice" . }}{{ join "," . }}{{ else }}{{ . | default "" | nospace }}{{ end -}}
{{- end -}}

{{/* Cluster IPs of the cluster's DNS with commas: as given, else the cluster's own word. */}}
{{- define "node-local-dns.dnsServer" -}}
{{- $given := include "node-local-dns.addresses" .Values.config.dnsServer -}}
{{- if $given -}}
{{- $given -}}
{{- else -}}
{{- $service := lookup "v1" "Service" .Release.Namespace "kube-dns" -}}
{{- if $service -}}
{{- join "," ($service.spec.clusterIPs | default (list $service.spec.clusterIP)) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/*
Where queries to the cache's own addresses go without it: the cluster's DNS, which outlives this release, and not upstreamService, which ends with it.
*/}}
{{- define "node-local-dns.fallback" -}}
{{- include "node-local-dns.addresses" .Values.config.fallback | default (include "node-local-dns.dnsServer" .) -}}
{{- end -}}

{{/* Addresses that the cache answers on, its own first: `health` takes that one. */}}
{{- define "node-local-dns.localIp" -}}
{{- $own := include "node-local-dns.addresses" .Values.config.localDns -}}
{{- $cluster := "" -}}
{{- if ne .Values.config.kubeProxyMode "ipvs" -}}
{{- $cluster = include "node-local-dns.dnsServer" . -}}
{{- if and (not $cluster) (eq .Values.mode "run") -}}
{{- fail "\n\nconfig.dnsServer is empty: it has to be the cluster IP of the cluster's DNS, which Pods have in their resolv.conf. Find it with\n\n    kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIPs}'\n\nor with `kubectl exec POD -- cat /etc/resolv.conf` where the Service has another name, and give it: --set config.dnsServer=10.96.0.10\n(helm install finds the Service kube-dns by itself; helm template does not ask the cluster.) With kube-proxy in IPVS mode set\nconfig.kubeProxyMode=ipvs in place of it.\n" -}}
{{- end -}}
{{- end -}}
{{- $all := without (concat (splitList "," $own) (splitList "," $cluster)) "" | uniq -}}
{{- if not $all -}}
{{- fail "\n\nconfig.localDns is empty, and kube-proxy's IPVS mode leaves no other address: the cache has none to answer on. Set config.localDns=169.254.20.10\n" -}}
{{- end -}}
{{- join "," $all -}}
{{- end -}}

{{/* The template of the Corefile: the one that is shipped, with what the values say. */}}
{{- define "node-local-dns.corefile" -}}
{{- $config := .Values.config -}}
{{- if $config.customConfig -}}
{{- $config.customConfig -}}
{{- else -}}
{{- $text := .Files.Get "corefile/Corefile.base" -}}
{{- $text = $text | replace "cluster.local:53 {" (printf "%s:53 {" $config.dnsDomain) -}}
{{- $text = $text | replace "__PILLAR__LOCAL__DNS__:8080" (printf "__PILLAR__LOCAL__DNS__:%d" (int $config.healthPort)) -}}
{{- $text = $text | replace "prometheus :9253" (printf "prometheus :%d" (int $config.metricsPort)) -}}
{{- $text = $text | replace "memory 32Mi" (printf "memory %s" $config.cacheMemory) -}}
{{- if $config.enableLogging -}}
{{- $text = $text | replace "    errors\n" "    errors\n    log\n" -}}
{{- end -}}
{{- if eq $config.commProtocol "prefer_udp" -}}
{{- $text = $text | replace "        force_tcp\n        udp_fallback\n" "        prefer_udp\n" -}}
{{- end -}}
{{- if .Values.serviceWatch.enabled -}}
{{- $text = regexReplaceAll "(?m)^ *# No stale name of a Service at all.*\n" $text "" -}}
{{- $text = $text | replace "    # service_watch\n" "    service_watch\n" -}}
{{- /* A Service that is made drops the denials of its name, so they are kept as long as answers. Not so in the reverse zones: not all endpoints are watched. */ -}}
{{- $text = regexReplaceAll "(?m)^ *# A Service that is made after its name.*\n" $text "" -}}
{{- $text = $text | replace "        success 9984 30\n        denial 9984 1\n" "        success 9984 30\n        denial 9984 30\n" -}}
{{- end -}}
{{- $text -}}
{{- end -}}
{{- end -}}

{{/* What would go wrong without a word. */}}
{{- define "node-local-dns.check" -}}
{{- if and (eq .Release.Namespace "default") .Values.upstreamService.create (eq .Values.mode "run") -}}
{{- fail "\n\nThe namespace is default: the Service of upstreamService finds the Pods of the cluster's DNS only in its own namespace. Add --namespace kube-system\n" -}}
{{- end -}}
{{- if and .Values.prometheus.monitor.enabled (not .Values.prometheus.service.enabled) -}}
{{- fail "\n\nprometheus.monitor.enabled needs prometheus.service.enabled: the ServiceMonitor looks at that Service\n" -}}
{{- end -}}
{{- end -}}
