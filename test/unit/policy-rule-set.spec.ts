import { utf8 } from "../../assembly/bytes/text";
import { Principal } from "../../assembly/policy/principal";
import { RuleSet, RuleSets } from "../../assembly/policy/rule-set";
import { SubjectClass, SubjectClasses } from "../../assembly/policy/subject-classes";
import { PEER, publish, ruleSetsOf, setFor } from "./permissions-support";
import { ANYONE } from "./policy-support";

function uri(namespace: string, account: string): string {
  return `spiffe://cluster.local/ns/${namespace}/sa/${account}`;
}

function forNamespace(name: string, acts: string): string {
  return `"name":"of ${name}","from":[{"namespaces":["${name}"]}],${acts}`;
}

const DENYING = '"publish":{"allow":["a.>"],"deny":["b.1"]},"subscribe":{"deny":["b.2"]},"allow_responses":true';
/** A source, and a peer that it does not admit, though Istio would find in its URI what the source names. */
const OF_OTHER_FORM: StaticArray<string> = [
  '{"namespaces":["shop"]}',
  "spiffe://cluster.local/ns/shop/sa/orders/pod/1",
  '{"namespaces":["sh*"],"notPrincipals":["cluster.local/ns/shop/sa/other"]}',
  "https://x/ns/shop/sa/orders",
  '{"serviceAccounts":["shop/orders"]}',
  "spiffe://cluster.local/ns/shop/sa/orders/pod/1",
  '{"trustDomains":["*"]}',
  "https://x/ns/shop/sa/orders",
];

describe("the rules that match a peer", () => {
  it("permit together, and rules that do not match permit nothing", () => {
    const sets = ruleSetsOf([
      forNamespace("shop", '"publish":{"allow":["a"]}'),
      forNamespace("bank", '"publish":{"allow":["b"]}'),
      `"name":"all",${ANYONE},"publish":{"allow":["c"]}`,
    ]);
    const permissions = setFor(sets, PEER).enforced;
    expect(publish(permissions, "a")).toBe("allowed by 0");
    expect(publish(permissions, "b")).toBe("not_allowed");
    expect(publish(permissions, "c")).toBe("allowed by 2");
  });

  it("match by any one of their sources", () => {
    const sources = '"from":[{"namespaces":["bank"]},{"serviceAccounts":["shop/orders"]},{"namespaces":["shop"]}]';
    const sets = ruleSetsOf([`"name":"r",${sources},"publish":{"allow":["a"]}`]);
    expect(publish(setFor(sets, PEER).enforced, "a")).toBe("allowed by 0");
    expect(setFor(sets, uri("x", "y")).enforced.allowsSomething).toBe(false);
  });

  it("permit nothing to a peer that is not authenticated, even if they would match anybody", () => {
    const sets = ruleSetsOf([`"name":"all",${ANYONE},"publish":{"allow":"ALL"}`]);
    expect(setFor(sets, "").enforced.allowsSomething).toBe(false);
    expect(setFor(sets, "spiffe://other.domain/ns/shop/sa/orders").enforced.allowsSomething).toBe(false);
    expect(sets.of(new Principal(PEER))!.enforced.allowsSomething).toBe(false);
    expect(setFor(sets, PEER).enforced.allowsSomething).toBe(true);
  });
});

describe("what rules deny by namespace, service account or trust domain", () => {
  it("holds for peers whose URIs have another form too, and what the same rules allow does not", () => {
    for (let i = 0; i < OF_OTHER_FORM.length; i += 2) {
      const denying = `"name":"r","from":[${OF_OTHER_FORM[i]}],${DENYING}`;
      const sets = ruleSetsOf([denying, `"name":"all",${ANYONE},"publish":{"allow":["b.>"]}`]);
      const workload = setFor(sets, PEER).enforced;
      expect(publish(workload, "b.1")).toBe("denied by 0");
      expect(publish(workload, "a.1")).toBe("allowed by 0");
      const other = setFor(sets, OF_OTHER_FORM[i + 1]).enforced;
      expect(publish(other, "b.1")).toBe("denied by 0");
      expect(publish(other, "b.2")).toBe("allowed by 1");
      expect(publish(other, "a.1")).toBe("not_allowed");
      expect(other.hasSubscribeDeny).toBe(true);
      expect(other.responseCount).toBe(0);
      expect(other === workload).toBe(false);
    }
  });

  it("holds in its order, beside rules that match such a peer, and only in the mode of its rule", () => {
    const sets = ruleSetsOf([
      `"name":"0",${ANYONE},"publish":{"allow":["a"]}`,
      forNamespace("shop", '"publish":{"allow":["c"],"deny":["a"]},"mode":"DRY_RUN"'),
      `"name":"2","from":[{"principals":["cluster.local/ns/shop/*"]}],"publish":{"allow":["b"]}`,
      forNamespace("bank", '"publish":{"deny":["b"]}'),
      forNamespace("shop", '"subscribe":{"deny":["d"]}').replace("of shop", "4"),
    ]);
    const set = setFor(sets, uri("shop", "orders/pod/1"));
    expect(publish(set.enforced, "a")).toBe("allowed by 0");
    expect(publish(set.enforced, "b")).toBe("allowed by 2");
    expect(publish(set.shadow!, "a")).toBe("denied by 1");
    expect(publish(set.shadow!, "c")).toBe("not_allowed");
    expect(set.enforced.hasSubscribeDeny).toBe(true);
  });

  it("lets nobody connect whom nothing allows anything", () => {
    const sets = ruleSetsOf([forNamespace("shop", DENYING)]);
    expect(setFor(sets, uri("shop", "orders/pod/1")).enforced.allowsSomething).toBe(false);
    expect(setFor(sets, "spiffe://other.domain/ns/shop/sa/orders/pod/1").enforced.hasSubscribeDeny).toBe(false);
  });
});

/** A rule that is enforced where the policy is, and one in DRY_RUN that allows and denies. */
const TRIED: string[] = [
  `"name":"e",${ANYONE},"publish":{"allow":["a.>"]}`,
  `"name":"d",${ANYONE},"publish":{"allow":["b"],"deny":["a.x"]},"mode":"DRY_RUN"`,
];

describe("a compiled set", () => {
  it("is the same for one principal, and for all whom the same rules match", () => {
    const sets = ruleSetsOf([
      forNamespace("shop", '"publish":{"allow":["a"]}'),
      forNamespace("bank", '"publish":{"allow":["b"]}'),
    ]);
    const first = setFor(sets, uri("shop", "one"));
    expect(setFor(sets, uri("shop", "one")) === first).toBe(true);
    expect(setFor(sets, uri("shop", "two")) === first).toBe(true);
    expect(setFor(sets, uri("bank", "one")) === first).toBe(false);
  });

  it("has no shadow if no rule is in DRY_RUN that denies or grants something", () => {
    const sets = ruleSetsOf([
      forNamespace("shop", '"publish":{"allow":["a"]}'),
      forNamespace("bank", '"publish":{"allow":["b"]},"mode":"DRY_RUN"'),
      forNamespace("post", '"publish":{"deny":["b"]},"mode":"DRY_RUN"'),
      forNamespace("news", '"allow_responses":true,"mode":"DRY_RUN"'),
      forNamespace("mail", '"subscribe":{"deny":["b"]},"mode":"DRY_RUN"'),
    ]);
    expect(setFor(sets, uri("shop", "one")).shadow === null).toBe(true);
    expect(setFor(sets, uri("bank", "one")).shadow === null).toBe(true);
    expect(setFor(sets, uri("post", "one")).shadow === null).toBe(false);
    expect(setFor(sets, uri("news", "one")).shadow === null).toBe(false);
    expect(setFor(sets, uri("mail", "one")).shadow === null).toBe(false);
  });

  it("enforces the enforced rules, and its shadow also denies what those in DRY_RUN deny", () => {
    const sets = ruleSetsOf(TRIED);
    const set = setFor(sets, PEER);
    expect(publish(set.enforced, "a.x")).toBe("allowed by 0");
    expect(publish(set.enforced, "b")).toBe("not_allowed");
    const shadow = set.shadow!;
    expect(publish(shadow, "a.x")).toBe("denied by 1");
    expect(publish(shadow, "a.y")).toBe("allowed by 0");
    // The short ways ask it alone (connection/plain-publishes.ts).
    expect(publish(shadow, "b")).toBe("not_allowed");
    // Remembered answers of the one are not those of the other.
    expect(publish(set.enforced, "a.x")).toBe("allowed by 0");
  });

  it("has a shadow that allows what those in DRY_RUN allow, if the whole policy is in DRY_RUN", () => {
    const allowing = ruleSetsOf([forNamespace("shop", '"publish":{"allow":["b"]},"mode":"DRY_RUN"')], "DRY_RUN");
    expect(publish(setFor(allowing, PEER).shadow!, "b")).toBe("allowed by 0");
    const shadow = setFor(ruleSetsOf(TRIED, "DRY_RUN"), PEER).shadow!;
    expect(publish(shadow, "a.x")).toBe("denied by 1");
    expect(publish(shadow, "b")).toBe("allowed by 1");
  });

  it("lives on for those who hold it after it is forgotten", () => {
    const sets = ruleSetsOf([`"name":"all",${ANYONE},"publish":{"allow":["a"]}`]);
    const set = setFor(sets, PEER);
    set.hold();
    set.hold();
    sets.forgetAll();
    const other = setFor(sets, PEER);
    expect(other === set).toBe(false);
    expect(publish(set.enforced, "a")).toBe("allowed by 0");
    set.release();
    expect(publish(set.enforced, "a")).toBe("allowed by 0");
    expect(publish(other.enforced, "a")).toBe("allowed by 0");
    set.release();
    expect(publish(other.enforced, "a")).toBe("allowed by 0");
  });

  it("stays while nobody holds it but it can still be found", () => {
    const sets = ruleSetsOf([`"name":"all",${ANYONE},"publish":{"allow":["a"]}`]);
    const set = setFor(sets, PEER);
    set.hold();
    set.release();
    expect(setFor(sets, PEER) === set).toBe(true);
    expect(publish(set.enforced, "a")).toBe("allowed by 0");
  });

  it("gives back all its memory, including its shadow's, once nobody holds or finds it", () => {
    const rules: string[] = [];
    for (let i = 0; i < 200; i++) {
      const mode = i % 2 == 0 ? "ENFORCE" : "DRY_RUN";
      rules.push(
        `"name":"r${i}",${ANYONE},"mode":"${mode}","publish":{"allow":["a.${i}.>"]},"subscribe":{"allow":["b.${i} q"]},` +
          `"allow_responses":{"max":${i + 1}}`,
      );
    }
    const sets = ruleSetsOf(rules);
    let size = 0;
    for (let round = 0; round < 200; round++) {
      const set = setFor(sets, PEER);
      set.hold();
      sets.forgetAll();
      set.release();
      __collect();
      if (round == 20) size = memory.size();
    }
    expect(memory.size()).toBe(size);
  });
});

/** More pairs of a namespace and an account than the number of remembered sets, each with rules of its own. */
function manySets(): RuleSets {
  const rules: string[] = [];
  for (let i = 0; i < 65; i++) {
    rules.push(forNamespace(`n${i}`, `"publish":{"allow":["n${i}"]}`));
    rules.push(`"name":"s${i}","from":[{"principals":["*/sa/s${i}"]}],"publish":{"allow":["s${i}"]}`);
  }
  return ruleSetsOf(rules);
}

describe("the memory of sets", () => {
  it("holds 4,096 sets and then starts again, with the same answers", () => {
    const sets = manySets();
    const first = setFor(sets, uri("n0", "s0"));
    first.hold();
    let last: RuleSet = first;
    for (let i = 1; i < 4096; i++) last = setFor(sets, uri(`n${i / 64}`, `s${i % 64}`));
    expect(setFor(sets, uri("n0", "s0")) === first).toBe(true);
    expect(setFor(sets, uri("n63", "s63")) === last).toBe(true);
    const beyond = setFor(sets, uri("n64", "s0"));
    expect(publish(beyond.enforced, "n64")).toBe("allowed by 128");
    const again = setFor(sets, uri("n0", "s0"));
    expect(again === first).toBe(false);
    expect(publish(again.enforced, "s0")).toBe("allowed by 1");
    expect(publish(first.enforced, "s0")).toBe("allowed by 1");
    expect(setFor(sets, uri("n64", "s0")) === beyond).toBe(true);
    first.release();
  });

  it("knows any number of principals by the rules that match them", () => {
    const sets = ruleSetsOf([`"name":"all",${ANYONE},"publish":{"allow":["a"]}`]);
    const set = setFor(sets, uri("n", "s"));
    for (let i = 0; i < 4200; i++) assert(setFor(sets, uri("n", `s${i}`)) === set, i.toString());
    expect(setFor(sets, uri("n", "s")) === set).toBe(true);
  });
});

describe("the classes of a configuration", () => {
  it("are compiled once for all who hold them, and anew for those who come when the last has let go", () => {
    const orders = new SubjectClass();
    orders.number = 2;
    orders.patterns.push(utf8("orders.>"));
    const classes = new SubjectClasses([orders]);
    const compiled = classes.hold()!.number;
    expect(classes.hold()!.number).toBe(compiled);
    classes.release();
    expect(classes.hold()!.number).toBe(compiled);
    classes.release();
    classes.release();
    expect(classes.hold()!.number).not.toBe(compiled);
    classes.release();
  });
});
