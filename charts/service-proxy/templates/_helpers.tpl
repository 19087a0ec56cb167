{{- define "service-proxy.fullname" -}}
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

{{- define "service-proxy.selectorLabels" -}}
k8s-app: {{ include "service-proxy.fullname" . | quote }}
{{- end -}}

{{/* Without versions, so that Pods are only replaced where something of them changes. */}}
{{- define "service-proxy.podLabels" -}}
{{ include "service-proxy.selectorLabels" . }}
app.kubernetes.io/name: {{ .Chart.Name | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "service-proxy.labels" -}}
{{ include "service-proxy.podLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service | quote }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | quote }}
{{- with .Values.customLabels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "service-proxy.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "service-proxy.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "service-proxy.image" -}}
{{- $tag := .Values.image.tag | default .Chart.AppVersion -}}
{{- if .Values.image.digest -}}
{{ printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else -}}
{{ printf "%s:%s" .Values.image.repository $tag }}
{{- end -}}
{{- end -}}

{{/* KubeProxyConfiguration as the values say it. */}}
{{- define "service-proxy.configuration" -}}
{{- $config := deepCopy .Values.config -}}
{{- $_ := set $config "apiVersion" "kubeproxy.config.k8s.io/v1alpha1" -}}
{{- $_ := set $config "kind" "KubeProxyConfiguration" -}}
{{- $_ := unset $config "hostnameOverride" -}}
{{- if kindIs "invalid" $config.oomScoreAdj -}}
{{- $_ := set $config "oomScoreAdj" -997 -}}
{{- end -}}
{{- if not $config.metricsBindAddress -}}
{{- $_ := set $config "metricsBindAddress" (.Values.prometheus.service.enabled | ternary "0.0.0.0:10249" "127.0.0.1:10249") -}}
{{- end -}}
{{- toYaml $config -}}
{{- end -}}

{{/* The same for a proxy that can't write what is in /proc/sys: what somebody else sets is left as it is. */}}
{{- define "service-proxy.unprivilegedConfiguration" -}}
{{- $config := include "service-proxy.configuration" . | fromYaml -}}
{{- $left := dict "maxPerCore" 0 "min" 0 "tcpEstablishedTimeout" "0s" "tcpCloseWaitTimeout" "0s" "udpTimeout" "0s" "udpStreamTimeout" "0s" "tcpBeLiberal" false -}}
{{- $_ := set $config "conntrack" $left -}}
{{- toYaml $config -}}
{{- end -}}

{{/* Port at the end of HOST:PORT; that of kube-proxy where there is none. */}}
{{- define "service-proxy.port" -}}
{{- regexFind "[0-9]+$" (index . 0) | default (index . 1) -}}
{{- end -}}

{{/* What would go wrong without a word. */}}
{{- define "service-proxy.check" -}}
{{- $config := .Values.config -}}
{{- $kubeconfig := ($config.clientConnection | default dict).kubeconfig -}}
{{- if and (eq .Values.mode "run") (not .Values.apiServer.host) (not $kubeconfig) -}}
{{- fail "\n\napiServer.host is empty: the proxy has to reach the API server without Services, which only work once it has run. kube-proxy's kubeconfig has\nthe address (server: https://HOST:PORT):\n\n    kubectl -n kube-system get configmap kube-proxy -o jsonpath='{.data.kubeconfig\\.conf}' | grep server:\n    kubectl get endpointslices -n default -l kubernetes.io/service-name=kubernetes      # or the API servers themselves\n\nGive it: --set apiServer.host=HOST --set apiServer.port=PORT. It has to be in the API server's certificate, and reachable from every node.\n" -}}
{{- end -}}
{{- if and (eq .Values.mode "run") $kubeconfig (not .Values.extraVolumeMounts) -}}
{{- fail (printf "\n\nconfig.clientConnection.kubeconfig is %s, which is not in the Pod: the proxy has a service account of its own. Leave it empty and give apiServer.host,\nor bring the file with extraVolumes and extraVolumeMounts.\n" $kubeconfig) -}}
{{- end -}}
{{- $detect := $config.detectLocalMode | default "ClusterCIDR" -}}
{{- if and (eq .Values.mode "run") (eq $detect "ClusterCIDR") (not $config.clusterCIDR) -}}
{{- fail "\n\nconfig.clusterCIDR is empty: it has to be the range of Pod addresses, by which traffic of Pods is told from that from outside. Find it with\n\n    kubectl -n kube-system get configmap kube-proxy -o jsonpath='{.data.config\\.conf}' | grep clusterCIDR\n    kubectl cluster-info dump | grep -m1 -e --cluster-cidr      # where kube-proxy has none\n\nand give it: --set config.clusterCIDR=10.244.0.0/16. Or have each node know its own Pods by another way: config.detectLocalMode=NodeCIDR (the Node's\npodCIDR), BridgeInterface or InterfaceNamePrefix.\n" -}}
{{- end -}}
{{- if and .Values.prometheus.monitor.enabled (not .Values.prometheus.service.enabled) -}}
{{- fail "\n\nprometheus.monitor.enabled needs prometheus.service.enabled: the ServiceMonitor looks at that Service\n" -}}
{{- end -}}
{{- end -}}
