{{- define "cluster-dns.podSpec" -}}
{{- $facts := include "cluster-dns.facts" . | fromJson -}}
serviceAccountName: {{ include "cluster-dns.serviceAccountName" . | quote }}
automountServiceAccountToken: {{ ternary (or $facts.services $facts.unseen) .Values.automountServiceAccountToken (kindIs "invalid" .Values.automountServiceAccountToken) }}
enableServiceLinks: false
terminationGracePeriodSeconds: {{ include "cluster-dns.graceSeconds" . }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . | quote }}
{{- end }}
{{- if .Values.isClusterService }}
dnsPolicy: {{ .Values.deployment.dnsPolicy }}
{{- end }}
{{- with .Values.deployment.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.podSecurityContext }}
securityContext:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- tpl (toYaml .) $ | nindent 2 }}
{{- end }}
{{- with .Values.topologySpreadConstraints }}
topologySpreadConstraints:
  {{- $own := dict "matchLabels" (include "cluster-dns.podIdentity" $ | fromYaml) }}
  {{- range . }}
  - {{ tpl (toYaml (merge (deepCopy .) (ternary dict (dict "labelSelector" $own) (hasKey . "labelSelector")))) $ | nindent 4 | trim }}
  {{- end }}
{{- end }}
{{- with .Values.initContainers }}
initContainers:
  {{- toYaml . | nindent 2 }}
{{- end }}
containers:
  - name: {{ include "cluster-dns.containerName" . | quote }}
    image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
    imagePullPolicy: {{ .Values.image.pullPolicy }}
    args:
      {{- toYaml (concat (list "-conf" "/etc/coredns/Corefile") .Values.extraArgs) | nindent 6 }}
    {{- with include "cluster-dns.env" . }}
    env:
      {{- . | nindent 6 }}
    {{- end }}
    {{- with .Values.resources }}
    resources:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    ports:
      {{- include "cluster-dns.containerPorts" . | nindent 6 }}
    {{- with include "cluster-dns.probe" (dict "root" . "of" "health" "probe" .Values.livenessProbe) }}
    livenessProbe:
      {{- . | nindent 6 }}
    {{- end }}
    {{- with include "cluster-dns.probe" (dict "root" . "of" "ready" "probe" .Values.readinessProbe) }}
    readinessProbe:
      {{- . | nindent 6 }}
    {{- end }}
    {{- with .Values.securityContext }}
    securityContext:
      {{- toYaml . | nindent 6 }}
    {{- end }}
    volumeMounts:
      - name: config-volume
        mountPath: /etc/coredns
        readOnly: true
      {{- if include "cluster-dns.customConfigMapName" . }}
      - name: custom-config-volume
        mountPath: {{ .Values.customConfigMap.mountPath | quote }}
        readOnly: true
      {{- end }}
      {{- if .Values.state.enabled }}
      - name: state
        mountPath: {{ .Values.state.path | quote }}
      {{- end }}
      {{- range .Values.extraSecrets }}
      - name: {{ .name | quote }}
        mountPath: {{ .mountPath | quote }}
        readOnly: true
      {{- end }}
      {{- with .Values.extraVolumeMounts }}
      {{- toYaml . | nindent 6 }}
      {{- end }}
  {{- with .Values.extraContainers }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumes:
  - name: config-volume
    configMap:
      name: {{ include "cluster-dns.configMapName" . | quote }}
      {{- if not .Values.deployment.skipConfig }}
      items:
        - key: Corefile
          path: Corefile
        {{- range .Values.zoneFiles }}
        - key: {{ .filename | quote }}
          path: {{ .filename | quote }}
        {{- end }}
      {{- end }}
  {{- with include "cluster-dns.customConfigMapName" . }}
  - name: custom-config-volume
    configMap:
      name: {{ . | quote }}
      optional: true
  {{- end }}
  {{- if .Values.state.enabled }}
  - name: state
    {{- if .Values.state.volume }}
    {{- toYaml .Values.state.volume | nindent 4 }}
    {{- else }}
    emptyDir:
      {{- toYaml (ternary (dict "sizeLimit" .Values.state.sizeLimit) dict (not (empty .Values.state.sizeLimit))) | nindent 6 }}
    {{- end }}
  {{- end }}
  {{- range .Values.extraSecrets }}
  - name: {{ .name | quote }}
    secret:
      secretName: {{ .name | quote }}
      defaultMode: {{ .defaultMode | default 0444 }}
  {{- end }}
  {{- with .Values.extraVolumes }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}

{{/* A probe of `health` or `ready`, where it is wanted and the Corefile has the directive. */}}
{{- define "cluster-dns.probe" -}}
{{- $path := ternary "/health" "/ready" (eq .of "health") -}}
{{- if .probe.enabled -}}
{{- with include "cluster-dns.probePort" (dict "root" .root "of" .of) -}}
httpGet:
  path: {{ $path }}
  port: {{ . }}
  scheme: HTTP
{{ toYaml (omit $.probe "enabled") }}
{{- end -}}
{{- end -}}
{{- end -}}
