// @peculiar/x509 is built on tsyringe, which must be imported before it.
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import { webcrypto } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR = 3_600_000;

/** A certificate and its key in PEM, and also as files for programs that read files. */
export interface Identity {
  /** The URI in the certificate's subject alternative name. */
  uri: string;
  certificate: string;
  key: string;
  certificateFile: string;
  keyFile: string;
  /** The certificate of the authority that signed it. */
  authorityFile: string;
}

async function keyPem(keys: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
}

function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR), notAfter: new Date(Date.now() + 24 * HOUR) };
}

/**
 * An authority that signs workload certificates as Istio's does: P-256, no subject, one URI in a critical subject alternative name.
 * It signs any URI, so a certificate of a foreign trust domain can come from the mesh's own root.
 */
export class Authority {
  readonly #folder: string;
  readonly #name: string;
  readonly #keys: webcrypto.CryptoKeyPair;
  readonly #root: x509.X509Certificate;
  readonly #issued = new Map<string, Promise<Identity>>();
  readonly certificate: string;
  readonly certificateFile: string;

  private constructor(folder: string, name: string, keys: webcrypto.CryptoKeyPair, root: x509.X509Certificate) {
    this.#folder = folder;
    this.#name = name;
    this.#keys = keys;
    this.#root = root;
    this.certificate = root.toString("pem");
    this.certificateFile = join(folder, `${name}.pem`);
    writeFileSync(this.certificateFile, this.certificate);
  }

  /** Makes an authority whose files go into `folder` under `name`. */
  static async create(folder: string, name: string): Promise<Authority> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const root = await x509.X509CertificateGenerator.createSelfSigned({
      serialNumber: "01",
      name: `O=${name}`,
      ...validity(),
      keys,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    });
    return new Authority(folder, name, keys, root);
  }

  /** The certificate for `uri` (`spiffe://cluster.local/ns/shop/sa/orders-api`). It is made on first use. */
  issue(uri: string): Promise<Identity> {
    const known = this.#issued.get(uri);
    if (known) return known;
    const issuing = this.#sign(uri, this.#issued.size);
    this.#issued.set(uri, issuing);
    return issuing;
  }

  async #sign(uri: string, number: number): Promise<Identity> {
    const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
    const leaf = await x509.X509CertificateGenerator.create({
      subject: "",
      issuer: this.#root.subject,
      ...validity(),
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      signingAlgorithm: ALGORITHM,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature | x509.KeyUsageFlags.keyEncipherment, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth, x509.ExtendedKeyUsage.clientAuth]),
        new x509.SubjectAlternativeNameExtension([{ type: "url", value: uri }], true),
        await x509.AuthorityKeyIdentifierExtension.create(this.#keys.publicKey),
      ],
    });
    const identity: Identity = {
      uri,
      certificate: leaf.toString("pem"),
      key: await keyPem(keys),
      certificateFile: join(this.#folder, `${this.#name}-${number}.pem`),
      keyFile: join(this.#folder, `${this.#name}-${number}.key`),
      authorityFile: this.certificateFile,
    };
    writeFileSync(identity.certificateFile, identity.certificate);
    writeFileSync(identity.keyFile, identity.key, { mode: 0o600 });
    return identity;
  }
}
