{{/* What the schema cannot say, because it looks at two values. Everything is told before anything is made. */}}
{{- define "istio-nats.check" -}}
{{- if eq (toString .Values.enabled) "false" -}}
{{- fail "enabled is false, which only the `condition` of a chart that holds this one reads: name enabled there, or leave this chart out" -}}
{{- end -}}
{{- $identity := dict "sidecar" "PEER" "egress" "PEER" "waypoint" "WAYPOINT" "client" "WORKLOAD" -}}
{{- $wanted := get $identity .Values.form -}}
{{- $has := .Values.policy.identity | default "PEER" -}}
{{- if ne $has $wanted -}}
{{- fail (printf "policy.identity is %s, and form: %s needs %s: the filter would look for the client in the wrong place" $has .Values.form $wanted) -}}
{{- end -}}
{{- $named := list -}}
{{- range .Values.ports }}{{ $named = append $named (int .) }}{{ end -}}
{{- $serves := "" -}}
{{- if eq .Values.form "egress" -}}
{{- $serves = "the Gateway nats-egress" -}}
{{- else if and .Values.broker.service.create (ne .Values.form "client") -}}
{{- $serves = printf "the Service %s of broker.service" .Values.broker.service.name -}}
{{- end -}}
{{- if and $serves (not (has 4222 $named)) -}}
{{- fail (printf "ports lacks 4222, where %s takes clients: the filter would judge nobody there. Add 4222 to ports" $serves) -}}
{{- end -}}
{{- if has .Values.form (list "sidecar" "waypoint") -}}
{{- range list "6222 routes" "7222 gateways" "7422 leaf nodes" "8222 monitoring" -}}
{{- $other := splitn " " 2 . -}}
{{- if has (int $other._0) $named -}}
{{- fail (printf "ports names %s, where nats-server takes %s: the filter would end what it cannot read, and no policy would keep others out" $other._0 $other._1) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- range .Values.broker.otherPorts.extra -}}
{{- if has (int .port) $named -}}
{{- fail (printf "broker.otherPorts.extra names the port %d, which is named already: each entry denies whom it does not name" (int .port)) -}}
{{- end -}}
{{- $named = append $named (int .port) -}}
{{- end -}}
{{- if and (eq .Values.form "egress") (not .Values.egress.host) -}}
{{- fail "egress.host is empty: write the name of the NATS outside of the mesh" -}}
{{- end -}}
{{- if and (eq .Values.form "client") (not .Values.selector) -}}
{{- fail "selector is empty, and form: client needs labels of the clients' pods: without any the filter would be in every proxy of the namespace" -}}
{{- end -}}
{{- end -}}

{{/* Defaults by form, here instead of in values.yaml: Helm would add its labels to those that somebody gives. */}}
{{- define "istio-nats.broker-selector" -}}
{{- .Values.broker.selector | default (dict "app.kubernetes.io/name" "nats") | toYaml -}}
{{- end -}}

{{- define "istio-nats.selector" -}}
{{- if .Values.selector -}}
{{- toYaml .Values.selector -}}
{{- else if eq .Values.form "egress" -}}
istio: egressgateway
{{- else -}}
{{- include "istio-nats.broker-selector" . -}}
{{- end -}}
{{- end -}}

{{/* Whom the filter meets on its side of the connection: to Istio a gateway is a client, a waypoint a server. */}}
{{- define "istio-nats.side" -}}
{{- if or (eq .Values.form "egress") (eq .Values.form "client") -}}CLIENT{{- else -}}SERVER{{- end -}}
{{- end -}}

{{/* What Istio's proxy must know of the filter when it starts: deploy/stats-tags.yaml. */}}
{{- define "istio-nats.stats-tags" -}}
reporter,source_principal,source_workload_namespace,destination_workload,destination_workload_namespace,operation,subject,verdict,reason,rule,kind,policy,mode,version
{{- end -}}

{{/* On a gateway the filter's own default, which is that beside nats-server, would lead clients past it. */}}
{{- define "istio-nats.policy" -}}
{{- if and (eq .Values.form "egress") (not (hasKey .Values.policy "connectUrls")) -}}
{{- merge (dict "connectUrls" "REMOVE") .Values.policy | toYaml -}}
{{- else -}}
{{- toYaml .Values.policy -}}
{{- end -}}
{{- end -}}

{{/* What a WasmPlugin has in its spec and a TrafficExtension under wasm. */}}
{{- define "istio-nats.wasm" -}}
type: NETWORK
url: oci://{{ .Values.image.repository }}@{{ .Values.image.digest }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with .Values.image.pullSecret }}
imagePullSecret: {{ . | quote }}
{{- end }}
failStrategy: {{ .Values.failStrategy }}
pluginName: istio-nats
pluginConfig:
  {{- include "istio-nats.policy" . | nindent 2 }}
{{- end -}}
