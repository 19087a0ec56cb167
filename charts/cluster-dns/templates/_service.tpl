{{/* The Service's fixed address. Fails, with where to find it, where a cluster's DNS would go without; empty where none is to be set. */}}
{{- define "cluster-dns.clusterIP" -}}
{{- if eq .Values.service.clusterIP "auto" -}}
{{- else if .Values.service.clusterIP -}}
{{- .Values.service.clusterIP -}}
{{- else if and .Values.isClusterService (eq .Values.serviceType "ClusterIP") (not .Values.service.clusterIPs) -}}
{{- $name := include "cluster-dns.serviceName" . -}}
{{- $live := lookup "v1" "Service" .Release.Namespace $name -}}
{{- if dig "spec" "clusterIP" "" $live -}}
{{- $live.spec.clusterIP -}}
{{- else -}}
{{- $dns := dig "spec" "clusterIP" "" (lookup "v1" "Service" "kube-system" "kube-dns") -}}
{{- if $dns -}}
{{- fail (include "cluster-dns.dnsIsThere" (dict "address" $dns)) -}}
{{- else -}}
{{- fail (include "cluster-dns.noClusterIP" .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "cluster-dns.noClusterIP" }}

service.clusterIP is not set. A cluster's DNS needs the address that kubelet gives to Pods as their name server. To find it:
  the Service of the DNS that is there:  kubectl -n kube-system get service kube-dns -o jsonpath='{.spec.clusterIP}'
  what kubelet gives to Pods:            kubectl get --raw "/api/v1/nodes/$(kubectl get nodes -o jsonpath='{.items[0].metadata.name}')/proxy/configz"   (clusterDNS)
  a new cluster by kubeadm:              the tenth address of its Service range, 10.96.0.10 unless it was changed
and then give it as --set service.clusterIP=ADDRESS. Without one:
  --set service.clusterIP=auto           beside another DNS, to try it: any address, nobody asks it by itself
  --set service.enabled=false            no Service: the Pods stand behind one that is there
  --set isClusterService=false           not the DNS of the cluster
{{ end }}

{{- define "cluster-dns.dnsIsThere" }}

service.clusterIP is not set, and this cluster has a DNS: Service kube-system/kube-dns with {{ .address }}. Choose one:
  --set adopt=true                       in its place: take over its Deployment and its Service, with this address
  --set service.enabled=false --set k8sAppLabelOverride=kube-dns
                                         behind the same Service, beside its Pods
  --set service.clusterIP=auto           beside it, to try it: any address, nobody asks it by itself
README.md of this chart has each of them step by step.
{{ end }}

{{/* Whether there is a Service for the metrics alone. */}}
{{- define "cluster-dns.hasMetricsService" -}}
{{- if and (or .Values.prometheus.service.enabled .Values.prometheus.monitor.enabled) (include "cluster-dns.metricsPort" .) }}true{{ end -}}
{{- end -}}
