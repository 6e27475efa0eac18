import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { checkPolicies } from "../../cli/doctor/check.ts";
import { authorization, document, DOCUMENTS, ids, kinds, peerAuthentication } from "./sound-mesh.ts";
import { doctor, filter, sourceOf } from "./support.ts";

describe("a name that is nearly one of Istio's", () => {
  const [plugin = ""] = kinds("WasmPlugin");

  it("is reported with the one that was meant", () => {
    const cases: [was: string, is: string, remedy: string][] = [
      [
        "kind: WasmPlugin",
        "kind: WasmPlugins",
        "did you mean apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin?",
      ],
      [
        "extensions.istio.io/v1alpha1",
        "extensions.istio.io",
        "did you mean apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin?",
      ],
      ...["networking.istio.io/v1", "security.istio.io/v1beta1", "istio.io/v1alpha1"].map(
        (api): [string, string, string] => [
          "extensions.istio.io/v1alpha1",
          api,
          "did you mean apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin?",
        ],
      ),
      ["matchLabels:", "matchLabel:", "did you mean matchLabels?"],
      ["phase:", "Phase:", "did you mean phase?"],
    ];
    for (const [was, is, remedy] of cases) {
      assert.ok(plugin.includes(was));
      const remedies = doctor(plugin.replace(was, is)).map((finding) => finding.remedy);
      assert.ok(remedies.includes(remedy), `${is}: ${remedies.join()}`);
    }
  });

  it("says where a policy belongs, whatever it is called", () => {
    const finding = doctor(plugin.replace("pluginConfig:", "config:")).find(({ id }) => id === "field-unknown");
    assert.deepEqual(
      [finding?.message, finding?.remedy],
      ["Istio has no field spec.config", "did you mean pluginConfig?"],
    );
  });
});

describe("a field in another place than Istio's", () => {
  it("is reported with the place where it belongs", () => {
    const [plugin = ""] = kinds("WasmPlugin");
    const selector = "  selector: { matchLabels: { app: nats } }\n";
    const config = /^ {2}pluginConfig:\n(?: {4}.*\n)+/m.exec(plugin)?.[0] ?? "";
    const flat = config.replace(/^ {2}/gm, "");
    const cases: [was: string, is: string, fields: string[], remedies: string[]][] = [
      [`spec:\n${selector}`, `${selector.trim()}\nspec:\n`, ["selector"], ["move it below spec"]],
      [selector, "  matchLabels: { app: nats }\n", ["spec.matchLabels"], ["move it below spec.selector"]],
      [selector, "  selector: { app: nats }\n", ["spec.selector.app"], ["move it below matchLabels"]],
      [config, flat, ["pluginConfig"], ["move it below spec"]],
      [
        config,
        `  pluginConfig:\n  mode: DRY_RUN\n${flat.replace("pluginConfig:\n", "")}`,
        ["spec.mode", "spec.trustDomains", "spec.rules"],
        Array(3).fill("move it below spec.pluginConfig") as string[],
      ],
      ["namespace: messaging", "namepsace: messaging", ["metadata.namepsace"], ["did you mean namespace?"]],
      [
        "kind: WasmPlugin",
        "kind: TrafficExtension",
        ["type", "url", "failStrategy", "pluginConfig"].map((field) => `spec.${field}`),
        Array(4).fill("move it below spec.wasm") as string[],
      ],
    ];
    for (const [was, is, fields, remedies] of cases) {
      assert.ok(was !== "" && plugin.includes(was), was);
      const found = doctor(plugin.replace(was, is)).filter(({ id }) => id === "field-unknown");
      assert.deepEqual(
        found.map(({ message }) => message),
        fields.map((field) => `Istio has no field ${field}`),
      );
      assert.deepEqual(
        found.map(({ remedy }) => remedy),
        remedies,
      );
    }
  });
});

describe("a patch of kustomize", () => {
  it("may say what to do with the rest of it, in each kind and at each depth", () => {
    const patches = [
      document("security.istio.io", "PeerAuthentication", "a", "shop", { $patch: "replace", mtls: { mode: "STRICT" } }),
      document("security.istio.io", "AuthorizationPolicy", "a", "shop", { rules: [{ $patch: "replace" }, {}] }),
      document("networking.k8s.io", "NetworkPolicy", "a", "shop", { podSelector: { $patch: "replace" } }),
      document("networking.istio.io", "Sidecar", "a", "shop", { $retainKeys: ["egress"], egress: [] }),
      "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata: { name: b, namespace: shop }\n$patch: delete\n",
    ];
    for (const patch of patches)
      assert.deepEqual(
        doctor(patch).filter(({ id }) => /^(?:field|value)-/.test(id)),
        [],
        patch,
      );
  });

  it("is told a word that only looks like one that says so", () => {
    const patch = document("security.istio.io", "PeerAuthentication", "a", "shop", { $patches: "replace" });
    assert.match(
      doctor(patch)
        .map(({ message }) => message)
        .join(),
      /has no field spec\.\$patches/,
    );
  });
});

describe("a rule of the mesh's traffic", () => {
  const told = (kind: string, spec: object): [id: string, message: string, remedy: string][] =>
    doctor(document("networking.istio.io", kind, "a", "shop", spec))
      .filter(({ id }) => /^(?:field|value)-/.test(id))
      .map(({ id, message, remedy }) => [id, message, remedy]);

  it("is reported with a field in another place, and the place where it belongs", () => {
    for (const [spec, field, remedy] of [
      [{ host: "a", tls: { mode: "DISABLE" } }, "spec.tls", "move it below spec.trafficPolicy"],
      [
        { host: "a", trafficPolicy: { mode: "DISABLE" } },
        "spec.trafficPolicy.mode",
        "move it below spec.trafficPolicy.tls",
      ],
      [{ hosts: "a" }, "spec.hosts", "did you mean host?"],
    ] as const)
      assert.deepEqual(told("DestinationRule", spec), [["field-unknown", `Istio has no field ${field}`, remedy]]);
  });

  it("is reported with a field of the other kind that is called Gateway, and the API that has it", () => {
    const gateway = (group: string, spec: object): string[] =>
      doctor(document(group, "Gateway", "g", "shop", spec))
        .filter(({ id }) => id === "field-unknown")
        .map(({ message, remedy }) => `${message}: ${remedy}`);
    const [istio, kubernetes] = ["networking.istio.io", "gateway.networking.k8s.io"];
    const waypoint = { gatewayClassName: "istio-waypoint", listeners: [] };
    const own = { selector: { istio: "egressgateway" }, servers: [] };
    assert.deepEqual(gateway(istio, waypoint), [
      `a Gateway of ${istio}/v1 has no field spec.gatewayClassName: write apiVersion: ${kubernetes}/v1, which has it`,
    ]);
    assert.deepEqual(gateway(kubernetes, own), [
      `a Gateway of ${kubernetes}/v1 has no field spec.servers: write apiVersion: ${istio}/v1, which has it`,
    ]);
    assert.deepEqual(gateway(kubernetes, waypoint), []);
    assert.deepEqual(gateway(istio, own), []);
  });

  it("may have a field of a later Istio", () => {
    assert.deepEqual(told("DestinationRule", { host: "a", trafficPolicy: { ofALaterIstio: { on: true } } }), []);
    assert.deepEqual(told("VirtualService", { hosts: ["a"], tcp: [{ ofALaterIstio: 1 }] }), []);
  });

  it("is reported with a value that no field of it may have", () => {
    const policy = (trafficPolicy: object): object => ({ host: "a", trafficPolicy });
    assert.deepEqual(told("DestinationRule", policy({ outlierDetection: { consecutive5xxErrors: "5" } })), [
      [
        "field-type",
        "Istio expects a whole number for spec.trafficPolicy.outlierDetection.consecutive5xxErrors, not a string",
        "write 5 without quotes",
      ],
    ]);
    assert.deepEqual(told("DestinationRule", policy({ tls: { mode: "ISTIO_MUTAL", insecureSkipVerify: "true" } })), [
      ["value-unknown", "Istio has no value ISTIO_MUTAL for spec.trafficPolicy.tls.mode", "did you mean ISTIO_MUTUAL?"],
      [
        "field-type",
        "Istio expects a boolean for spec.trafficPolicy.tls.insecureSkipVerify, not a string",
        "write true without quotes",
      ],
    ]);
    const percent = { retries: { attempts: 3 }, fault: { abort: { percentage: { value: 50 }, httpStatus: 503 } } };
    assert.deepEqual(told("VirtualService", { hosts: ["a"], http: [percent] }), []);
  });
});

describe("a value of another type than Istio's", () => {
  it("is reported with how it is written", () => {
    const policy = authorization({ action: "DENY", rules: [{ to: [{ operation: { notPorts: [4222] } }] }] });
    const mtls = peerAuthentication("shop", { mtls: "STRICT" });
    const list = peerAuthentication("shop", { selector: { matchLabels: ["a=b"] } });
    const [plugin = ""] = kinds("WasmPlugin");
    const pods = kinds("StatefulSet").join("").replace("labels: { app: nats }", "labels: { app: nats, a: true }");
    for (const [text, message, remedy] of [
      [
        pods,
        "Kubernetes expects a string for spec.template.metadata.labels.a, not a boolean",
        'write it in quotes: "true"',
      ],
      [
        kinds("Service").join("").replace("namespace: messaging", "namespace: messaging, annotations: { revision: 7 }"),
        "Kubernetes expects a string for metadata.annotations.revision, not a whole number",
        'write it in quotes: "7"',
      ],
      [
        policy,
        "Istio expects a string for spec.rules[].to[].operation.notPorts[], not a whole number",
        'write it in quotes: "4222"',
      ],
      [mtls, "Istio expects an object for spec.mtls, not a string", "write mode: STRICT"],
      [list, "Istio expects an object for spec.selector.matchLabels, not a list", undefined],
      [
        plugin.replace("ports: [{ number: 4222 }]", "ports: { number: 4222 }"),
        "Istio expects a list for spec.match[].ports, not an object",
        "write it as a list, with a dash before each element",
      ],
      [
        plugin.replace("namespace: messaging", "namespace: messaging, labels: { canary: yes }"),
        "Istio expects a string for metadata.labels.canary, not a boolean",
        'write it in quotes: "yes"',
      ],
      [
        plugin.replace("number: 4222", 'number: "4222"'),
        "Istio expects a whole number for spec.match[].ports[].number, not a string",
        "write 4222 without quotes",
      ],
      [
        plugin.replace("{ number: 4222 }", "4222"),
        "Istio expects an object for spec.match[].ports[], not a whole number",
        "write number: 4222",
      ],
    ] as const) {
      const finding = doctor(text).find(({ id }) => id === "field-type");
      assert.equal(finding?.message, message);
      if (remedy) assert.equal(finding.remedy, remedy);
    }
  });

  it("is told once of a policy that is a text, or anything else but an object, as the filter says it", () => {
    const [plugin = ""] = kinds("WasmPlugin");
    for (const [written, found, remedy] of [
      ["$1 |", "a string", "remove the |, which makes a text of what is below it"],
      ["$1 '{\"rules\": []}'\n", "a string", "write the object itself, without quotes around it"],
      ["$1 [rules]\n", "a list", undefined],
    ] as const) {
      const pattern = written.endsWith("|") ? /(\n +pluginConfig:)(?= *\n)/ : /(\n +pluginConfig:)[^]*/;
      const text = plugin.replace(pattern, written);
      const checked = checkPolicies([sourceOf(text)], filter, "default").findings;
      for (const findings of [doctor(text), checked]) {
        const told = findings.filter(({ id }) => id === "policy-fault" || id === "field-type");
        assert.deepEqual(
          told.map(({ id, message }) => `${id}: ${message}`),
          [`policy-fault: the policy: expected an object with trustDomains and rules, found ${found}`],
        );
        if (remedy !== undefined) assert.equal(told[0]?.remedy, remedy);
      }
    }
  });

  it("is reported in nats-server's Service, pods and ConfigMaps, where charts quote numbers and leave out quotes", () => {
    const port = "{ name: tcp-client, port: 4222 }";
    const image = "image: nats:2.15.2";
    const container = "spec.template.spec.containers[]";
    for (const [was, is, ...told] of [
      [
        port,
        '{ name: tcp-client, port: "4222" }',
        "a whole number for spec.ports[].port, not a string: write 4222 without quotes",
      ],
      [
        port,
        '{ name: tcp-client, port: 4222, targetPort: "4222" }',
        "a number or the name of a port for spec.ports[].targetPort, not a string: write 4222 without quotes",
      ],
      [
        `- ${port}`,
        `  ${port}`,
        "a list for spec.ports, not an object: write it as a list, with a dash before each element",
      ],
      [
        "containerPort: 4222",
        'containerPort: "4222"',
        `a whole number for ${container}.ports[].containerPort, not a string: write 4222 without quotes`,
      ],
      [
        image,
        `${image}\n          args: [-p, 4222]`,
        `a string for ${container}.args[], not a whole number: write it in quotes: "4222"`,
      ],
      [
        image,
        `${image}\n          args: -c nats.conf`,
        `a list for ${container}.args, not a string: write it as a list, with a dash before each element`,
      ],
      [
        image,
        `${image}\n          env: [{ name: A, value: on }]`,
        `a string for ${container}.env[].value, not a boolean: write it in quotes: "on"`,
      ],
      [
        image,
        `${image}\n          args: [-p, "4222", "$(A)"]\n          env: [{ name: A, value: "1" }, { name: B, valueFrom: {} }]`,
      ],
      [port, "{ name: tcp-client, port: 4222, nodePort: ${NODE_PORT}, targetPort: client }"],
    ] as [string, string, string?][]) {
      assert.ok(DOCUMENTS.join().includes(was), was);
      const found = doctor(DOCUMENTS.map((text) => text.replace(was, is)).join("\n---\n"));
      const types = found.filter(({ id }) => id === "field-type").map(({ message, remedy }) => `${message}: ${remedy}`);
      assert.deepEqual(
        types,
        told.map((one) => `Kubernetes expects ${one}`),
        is,
      );
    }
    const data = JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" }, data: { a: 4222 } });
    assert.deepEqual(ids(data), ["field-type"]);
  });

  it("is reported under labels that are called like fields with a check of their own", () => {
    const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, labels: {type: true, mode: on, action: 1}}\n";
    assert.deepEqual(
      doctor(pod).map(({ message }) => message),
      ["type", "mode", "action"].map(
        (label) =>
          `Kubernetes expects a string for metadata.labels.${label}, not ${label === "action" ? "a whole number" : "a boolean"}`,
      ),
    );
  });

  it("does not include null, which kubectl leaves out", () => {
    assert.deepEqual(ids(peerAuthentication("shop", { mtls: null })), []);
  });
});
