{{/* Names and labels. Where the chart of CoreDNS has the same value, it means the same here. */}}

{{- define "cluster-dns.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "cluster-dns.fullname" -}}
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

{{/* The name of something beside the server. No name of a Service, and no label, has more than 63 characters. */}}
{{- define "cluster-dns.nameWith" -}}
{{- include "cluster-dns.labelWith" (dict "of" (include "cluster-dns.fullname" .root) "suffix" .suffix) -}}
{{- end -}}

{{/* adopt: the two objects that a cluster's DNS is known by, under the names that kubeadm gives them. */}}
{{- define "cluster-dns.deploymentName" -}}
{{- default (ternary "coredns" (include "cluster-dns.fullname" .) .Values.adopt) .Values.deployment.name -}}
{{- end -}}

{{- define "cluster-dns.serviceName" -}}
{{- default (ternary "kube-dns" (include "cluster-dns.fullname" .) .Values.adopt) .Values.service.name -}}
{{- end -}}

{{/* The label k8s-app of the Pods. */}}
{{- define "cluster-dns.k8sAppLabel" -}}
{{- default (ternary "kube-dns" .Chart.Name .Values.adopt) .Values.k8sAppLabelOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
That of the objects. Behind somebody else's Service only the Pods need its label: by that of Deployments kubeadm tells which DNS a cluster has, and
upgrades nothing where there are two; by that of Services Prometheus would scrape the Pods twice.
*/}}
{{- define "cluster-dns.objectK8sAppLabel" -}}
{{- if or .Values.adopt .Values.service.enabled (not .Values.deployment.enabled) -}}
{{- include "cluster-dns.k8sAppLabel" . -}}
{{- else -}}
{{- .Chart.Name -}}
{{- end -}}
{{- end -}}

{{- define "cluster-dns.configMapName" -}}
{{- default (ternary "coredns" (include "cluster-dns.fullname" .) (and .Values.adopt .Values.deployment.skipConfig)) .Values.deployment.configMapName -}}
{{- end -}}

{{/* The operator's own ConfigMap; empty where there is none. A Corefile of somebody else's may import it, as those of k3s, AKS and Gardener do. */}}
{{- define "cluster-dns.customConfigMapName" -}}
{{- default (ternary "coredns-custom" "" .Values.deployment.skipConfig) .Values.customConfigMap.name -}}
{{- end -}}

{{/* A patch of a Deployment knows its containers by their names: under another one there would be a second container beside CoreDNS's. */}}
{{- define "cluster-dns.containerName" -}}
{{- ternary "coredns" "cluster-dns" (eq (include "cluster-dns.deploymentName" .) "coredns") -}}
{{- end -}}

{{- define "cluster-dns.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{- default (include "cluster-dns.fullname" .) .Values.serviceAccount.name -}}
{{- else -}}
{{- default "default" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "cluster-dns.clusterRoleName" -}}
{{- default (include "cluster-dns.fullname" .) .Values.clusterRole.nameOverride -}}
{{- end -}}

{{/* Labels of every object but those of the autoscaler. */}}
{{- define "cluster-dns.labels" -}}
{{- include "cluster-dns.labelsOf" (dict "root" . "suffix" "") -}}
{{- end -}}

{{- define "cluster-dns.labelsOf" -}}
{{- $labels := dict
  "app.kubernetes.io/managed-by" .root.Release.Service
  "app.kubernetes.io/instance" .root.Release.Name
  "app.kubernetes.io/name" (include "cluster-dns.labelWith" (dict "of" (include "cluster-dns.name" .root) "suffix" .suffix))
  "app.kubernetes.io/version" (include "cluster-dns.version" .root)
  "helm.sh/chart" (printf "%s-%s" .root.Chart.Name (.root.Chart.Version | replace "+" "_")) -}}
{{- if .root.Values.isClusterService -}}
{{- $_ := set $labels "k8s-app" (include "cluster-dns.labelWith" (dict "of" (include "cluster-dns.objectK8sAppLabel" .root) "suffix" .suffix)) -}}
{{- $_ := set $labels "kubernetes.io/cluster-service" "true" -}}
{{- $_ := set $labels "kubernetes.io/name" "cluster-dns" -}}
{{- end -}}
{{- toYaml (mergeOverwrite $labels (deepCopy (.root.Values.customLabels | default dict)) (.more | default dict)) -}}
{{- end -}}

{{- define "cluster-dns.labelWith" -}}
{{- print (.of | trunc (int (sub 63 (len .suffix))) | trimSuffix "-") .suffix -}}
{{- end -}}

{{- define "cluster-dns.version" -}}
{{- .Values.image.tag | default .Chart.AppVersion | toString | replace ":" "-" | replace "@" "_" | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* What tells this release's Pods from all others. */}}
{{- define "cluster-dns.podIdentity" -}}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
app.kubernetes.io/name: {{ include "cluster-dns.name" . | quote }}
{{- if .Values.isClusterService }}
k8s-app: {{ include "cluster-dns.k8sAppLabel" . | quote }}
{{- end }}
{{- end -}}

{{/* The labels that select the Pods. With adopt those of kubeadm, which nobody can change: the live Deployment's where there is one. */}}
{{- define "cluster-dns.selectorLabels" -}}
{{- if .Values.adopt -}}
{{- $live := lookup "apps/v1" "Deployment" .Release.Namespace (include "cluster-dns.deploymentName" .) -}}
{{- toYaml (dig "spec" "selector" "matchLabels" (dict "k8s-app" (include "cluster-dns.k8sAppLabel" .)) $live) -}}
{{- else -}}
{{- include "cluster-dns.podIdentity" . -}}
{{- end -}}
{{- end -}}

{{- define "cluster-dns.deploymentSelector" -}}
{{- if .Values.deployment.selector -}}
{{- toYaml .Values.deployment.selector -}}
{{- else -}}
matchLabels:
  {{- include "cluster-dns.selectorLabels" . | nindent 2 }}
{{- end -}}
{{- end -}}

{{- define "cluster-dns.podLabels" -}}
{{- $labels := mergeOverwrite (include "cluster-dns.podIdentity" . | fromYaml) (include "cluster-dns.selectorLabels" . | fromYaml) -}}
{{- toYaml (mergeOverwrite $labels (deepCopy (.Values.customLabels | default dict)) (deepCopy (.Values.podLabels | default dict))) -}}
{{- end -}}

{{/* An object's annotations, as a field of its metadata: customAnnotations, and over them those in the list. */}}
{{- define "cluster-dns.annotations" -}}
{{- $annotations := deepCopy (.root.Values.customAnnotations | default dict) -}}
{{- range .of -}}
{{- $annotations = mergeOverwrite $annotations (deepCopy (. | default dict)) -}}
{{- end -}}
{{- with $annotations -}}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* Values files for CoreDNS's chart may call its templates in affinity and topologySpreadConstraints. */}}
{{- define "coredns.name" -}}{{ include "cluster-dns.name" . }}{{- end -}}
{{- define "coredns.fullname" -}}{{ include "cluster-dns.fullname" . }}{{- end -}}
{{- define "coredns.k8sapplabel" -}}{{ include "cluster-dns.k8sAppLabel" . }}{{- end -}}
