/** A text of the suite that is replaced in the copy before it runs. */
export interface Patch {
  file: string;
  find: string;
  replace: string;
  why: string;
}

/** A test that is changed because the filter differs on purpose. In its original form it must fail. */
export interface Adjustment extends Patch {
  test: string;
}

/** A test that does not pass through the filter. It must fail there, and pass without it. */
export interface Exclusion {
  tests: string[];
  why: string;
  /** It never reaches the filter, so it proves nothing by passing. */
  bypasses?: true;
}

/** A foreign suite that runs through Envoy and the filter. */
export interface ForeignSuite {
  name: string;
  /** The Go module, in the version that tools/go/go.mod pins. */
  module: string;
  /** Folder of the tests in the module, and the files whose tests run. */
  package: string;
  files: string[];
  goFlags: string[];
  /** Where the hook goes: the package that dials. */
  hook: { file: string; package: string };
  patches: Patch[];
  adjustments: Adjustment[];
  exclusions: Exclusion[];
  /** A nats-server configuration whose users' permissions become the filter's policy and are taken from the server. */
  users?: string;
  /** The filter's `limits.controlLine`: the servers' max_control_line, which INFO does not contain. */
  controlLine: number;
}

const NATS_SERVER: ForeignSuite = {
  name: "nats-server's raw protocol tests",
  module: "github.com/nats-io/nats-server/v2",
  package: "test",
  files: [
    "auth_test.go",
    "client_auth_test.go",
    "maxpayload_test.go",
    "pedantic_test.go",
    "ping_test.go",
    "proto_test.go",
    "user_authorization_test.go",
    "verbose_test.go",
  ],
  goFlags: [],
  hook: { file: "test/istio_nats_hook.go", package: "test" },
  users: "test/configs/authorization.conf",
  controlLine: 256,
  patches: [
    {
      file: "test/test.go",
      find: 'c, err := net.DialTimeout("tcp", addr, 3*time.Second)',
      replace: "c, err := natsFilterDial(addr, 3*time.Second)",
      why: "createClientConn, the one dial of the raw tests",
    },
    {
      file: "test/maxpayload_test.go",
      find: 'conn, err := net.DialTimeout("tcp", endpoint, nc.Opts.Timeout)',
      replace: "conn, err := natsFilterDial(endpoint, nc.Opts.Timeout)",
      why: "TestMaxPayload dials its raw connection itself",
    },
  ],
  adjustments: [
    {
      test: "TestUserAuthorizationProto",
      file: "test/user_authorization_test.go",
      find: 'sendProto(t, c, "SUB foo.* bar 2\\r\\n")\n\texpectResult(t, c, okRe)',
      replace: 'sendProto(t, c, "SUB foo.* bar 2\\r\\n")\n\texpectResult(t, c, permErrRe)',
      why: "A queue SUB whose wildcards overlap a deny is refused on purpose (docs/reference/parity.md).",
    },
    {
      test: "TestMaxPayload",
      file: "test/maxpayload_test.go",
      find: 'if err == nil && runtime.GOOS != "windows" {',
      replace: "if false {",
      why: "After the refusal it writes 4 MiB more and wants an error, but Envoy, without any filter too, reads them.",
    },
  ],
  exclusions: [
    {
      tests: ["TestMultipleUserAuth", "TestTokenInConfig", "TestAsyncInfoWithSmallerMaxPayload"],
      why: "They connect with nats.go alone, whose dial is not hooked in this suite.",
      bypasses: true,
    },
    {
      tests: ["TestPingSentToTLSConnection"],
      why: "The client speaks TLS to nats-server: in a mesh TLS ends before the filter, which refuses another one.",
    },
  ],
};

const NATS_GO: ForeignSuite = {
  name: "nats.go's tests",
  module: "github.com/nats-io/nats.go",
  package: "test",
  files: [
    "auth_test.go",
    "basic_test.go",
    "conn_test.go",
    "context_test.go",
    "drain_test.go",
    "headers_test.go",
    "reconnect_test.go",
    "sub_test.go",
  ],
  goFlags: ["-modfile=go_test.mod", "-tags=internal_testing"],
  hook: { file: "istio_nats_hook.go", package: "nats" },
  controlLine: 4096,
  patches: [
    {
      file: "nats.go",
      find: 'nc.conn, err = dialer.Dial("tcp", host)',
      replace:
        'if nc.Opts.CustomDialer == nil && !isWebsocketScheme(u) {\n\t\t\tnc.conn, err = natsFilterDial(host, nc.Opts.Timeout)\n\t\t} else {\n\t\t\tnc.conn, err = dialer.Dial("tcp", host)\n\t\t}',
      why: "createConn, the client's one dial",
    },
  ],
  adjustments: [],
  exclusions: [
    {
      tests: [
        "TestInbox",
        "TestNilConnection",
        "TestContextRequestWithNilConnection",
        "TestReconnectTotalTime",
        "TestDefaultReconnectJitter",
      ],
      why: "They never connect.",
      bypasses: true,
    },
    {
      tests: [
        "TestServerSecureConnections",
        "TestClientTLSConfig",
        "TestClientCertificate",
        "TestClientCertificateReloadOnServerRestart",
        "TestServerTLSHintConnections",
        "TestTLSDontSkipVerify",
        "TestRetryOnFailedConnectWithTLSError",
        "TestTLSHandshakeFirst",
        "TestTLSHandshakeFirstEOFAfterHandshake",
        "TestTLSHandshakeFirstMTLSReject",
      ],
      why: "The client speaks TLS to nats-server: in a mesh TLS ends before the filter, which refuses another one.",
    },
  ],
};

export const FOREIGN_SUITES: readonly ForeignSuite[] = [NATS_SERVER, NATS_GO];
