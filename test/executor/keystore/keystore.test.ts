import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { computeAddress, Wallet } from "ethers";
import { isAssayError } from "../../../executor/domain/errors";
import { createKeystore, openKeystore, writeKeystore } from "../../../executor/keystore/keystoreFile";
import { parseKeystore } from "../../../executor/keystore/keystoreSchema";
import { passwordFromFile } from "../../../executor/keystore/password";

const KEY = `0x${"4c".repeat(32)}`;
/** Cheap on purpose: the cost is scrypt's business, not ours. */
const cost = { n: 2 ** 10 };
const password = async (): Promise<string> => "correct horse";

async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
  } catch (error) {
    if (!isAssayError(error)) throw error;
    // Neither the key nor the password may leave through an error.
    expect(`${error.message}${JSON.stringify(error.context)}${String(error.cause)}`).to.not.match(
      /4c4c4c|correct horse/,
    );
    return error.code;
  }
  return "none";
}

describe("keystore", () => {
  let folder: string;
  let path: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "assay-keystore-"));
    path = join(folder, "deep", "key.json");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const write = () => writeKeystore({ path, privateKey: KEY, password: "correct horse", cost });
  const change = (edit: (json: Record<string, unknown>) => void): void => {
    const json = JSON.parse(readFileSync(path, "utf8"));
    edit(json);
    writeFileSync(path, JSON.stringify(json));
  };

  it("gives back the key that was written, to its owner only, and leaves nothing else behind", async () => {
    const account = await write();
    expect(account).to.equal(computeAddress(KEY).toLowerCase());
    expect(statSync(path).mode & 0o777).to.equal(0o600);
    expect(readdirSync(join(folder, "deep"))).to.deep.equal(["key.json"]);
    expect(readFileSync(path, "utf8")).to.not.include("4c4c4c");
    expect(await openKeystore({ path, password })).to.deep.equal({ address: account, privateKey: KEY });
  });

  it("makes a new key each time, which other software opens", async () => {
    const first = await createKeystore({ path, password: "p", cost });
    const second = await createKeystore({ path: `${path}2`, password: "p", cost });
    expect(first).to.not.equal(second);
    const wallet = await Wallet.fromEncryptedJson(readFileSync(path, "utf8"), "p");
    expect(wallet.address.toLowerCase()).to.equal(first);
  });

  it("opens the PBKDF2 example of the format's definition, and refuses its scrypt example, whose N is too large for its r (RFC 7914)", async () => {
    // https://ethereum.org/developers/docs/data-structures-and-encoding/web3-secret-storage, password "testpassword"
    const key = "0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
    const aes = (iv: string, ciphertext: string) => ({ cipher: "aes-128-ctr", cipherparams: { iv }, ciphertext });
    const pbkdf2 = {
      version: 3,
      id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
      crypto: {
        ...aes("6087dab2f9fdbbfaddc31a909735c1e6", "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46"),
        kdf: "pbkdf2",
        kdfparams: {
          c: 262144,
          dklen: 32,
          prf: "hmac-sha256",
          salt: "ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd",
        },
        mac: "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
      },
    };
    const scrypt = {
      version: 3,
      id: "3198bc9c-6672-5ab3-d995-4942343ae5b6",
      crypto: {
        ...aes("83dbcc02d8ccb40e466191a123791e0e", "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c"),
        kdf: "scrypt",
        kdfparams: {
          dklen: 32,
          n: 262144,
          p: 8,
          r: 1,
          salt: "ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19",
        },
        mac: "2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097",
      },
    };
    const example = join(folder, "example");
    const open = () => openKeystore({ path: example, password: async () => "testpassword" });
    writeFileSync(example, JSON.stringify(pbkdf2), { mode: 0o600 });
    expect((await open()).privateKey).to.equal(key);
    writeFileSync(example, JSON.stringify(scrypt), { mode: 0o600 });
    expect(await codeOf(open())).to.equal("KEYSTORE_MALFORMED");
  });

  it("never overwrites, not even through a link", async () => {
    await write();
    const before = readFileSync(path, "utf8");
    expect(await codeOf(write())).to.equal("KEYSTORE_EXISTS");
    symlinkSync(path, join(folder, "link"));
    expect(await codeOf(writeKeystore({ path: join(folder, "link"), privateKey: KEY, password: "x", cost }))).to.equal(
      "KEYSTORE_EXISTS",
    );
    expect(readFileSync(path, "utf8")).to.equal(before);
  });

  it("lets one of two writers at the same time win, and tells the other", async () => {
    const codes = await Promise.all([codeOf(write()), codeOf(write())]);
    expect(codes.sort()).to.deep.equal(["KEYSTORE_EXISTS", "none"]);
  });

  it("tells a wrong password from a file that is none", async () => {
    await write();
    expect(await codeOf(openKeystore({ path, password: async () => "wrong" }))).to.equal("KEYSTORE_WRONG_PASSWORD");
    expect(await codeOf(openKeystore({ path: join(folder, "gone"), password }))).to.equal("KEYSTORE_MISSING");
    for (const text of ["", "[]", "{}", '{"version":1}', "null"])
      expect(() => parseKeystore(text, "x"))
        .to.throw()
        .with.property("code", "KEYSTORE_MALFORMED");
  });

  it("refuses a file whose key is not the one it names", async () => {
    await write();
    change((json) => {
      json["address"] = "11".repeat(20);
    });
    expect(await codeOf(openKeystore({ path, password }))).to.equal("KEYSTORE_MALFORMED");
  });

  it("refuses cost parameters that would eat the machine, before any password is asked for", async () => {
    await write();
    for (const params of [{ n: 2 ** 30 }, { n: 2 ** 20, r: 32 }, { n: 1000 }, { p: 1_000 }, { dklen: 64 }]) {
      change((json) => {
        const crypto = (json["crypto"] ?? json["Crypto"]) as { kdfparams: Record<string, number> };
        Object.assign(crypto.kdfparams, { n: 1024, r: 8, p: 1, dklen: 32 }, params);
      });
      let asked = false;
      const spy = async (): Promise<string> => {
        asked = true;
        return "correct horse";
      };
      expect(await codeOf(openKeystore({ path, password: spy })), JSON.stringify(params)).to.equal(
        "KEYSTORE_MALFORMED",
      );
      expect(asked).to.equal(false);
    }
  });

  it("refuses a file that other users can read", async () => {
    await write();
    chmodSync(path, 0o640);
    expect(await codeOf(openKeystore({ path, password }))).to.equal("KEYSTORE_MODE_TOO_OPEN");
  });

  it("refuses what is no key and what protects nothing", async () => {
    for (const privateKey of ["", "0x12", `0x${"00".repeat(32)}`, `0x${"ff".repeat(32)}`]) {
      expect(await codeOf(writeKeystore({ path, privateKey, password: "x", cost }))).to.equal("KEYSTORE_KEY_INVALID");
    }
    expect(await codeOf(writeKeystore({ path, privateKey: KEY, password: "", cost }))).to.equal(
      "KEYSTORE_PASSWORD_EMPTY",
    );
  });

  it("takes a password from a file without its line end, and nothing else off", async () => {
    const file = join(folder, "password");
    const read = async (text: string): Promise<string> => {
      writeFileSync(file, text);
      return passwordFromFile(file)();
    };
    expect(await read("a b \n")).to.equal("a b ");
    expect(await read("a\r\n")).to.equal("a");
    expect(await read("a\n\n")).to.equal("a\n");
    expect(await codeOf(read("\n"))).to.equal("KEYSTORE_PASSWORD_EMPTY");
    expect(await codeOf(passwordFromFile(join(folder, "gone"))())).to.equal("KEYSTORE_PASSWORD_MISSING");
  });
});
