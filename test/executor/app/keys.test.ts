import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { computeAddress } from "ethers";
import { openKeys } from "../../../executor/app/keys";
import type { Config } from "../../../executor/config/loadConfig";
import { isAssayError } from "../../../executor/domain/errors";
import { writeKeystore } from "../../../executor/keystore/keystoreFile";

const OPERATOR = `0x${"4c".repeat(32)}`;
const POSTER = `0x${"5d".repeat(32)}`;
const DEVELOPMENT = 31_337n;
/** Cheap on purpose: the cost is scrypt's business, not ours. */
const cost = { n: 2 ** 10 };

type KeyFields = Partial<
  Pick<
    Config,
    | "operatorPrivateKey"
    | "operatorKeystore"
    | "operatorPasswordFile"
    | "posterPrivateKey"
    | "posterKeystore"
    | "posterPasswordFile"
  >
>;

describe("keys of the operator", () => {
  let folder: string;
  let operatorKeystore: string;
  let posterKeystore: string;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "assay-keys-"));
    [operatorKeystore, posterKeystore] = [join(folder, "operator"), join(folder, "poster")];
    await writeKeystore({ path: operatorKeystore, privateKey: OPERATOR, password: "one", cost });
    await writeKeystore({ path: posterKeystore, privateKey: POSTER, password: "two", cost });
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const passwordFile = (password: string): string => {
    const path = join(folder, `password-${password}`);
    writeFileSync(path, `${password}\n`);
    return path;
  };
  const open = async (fields: KeyFields, options: { chainId?: bigint; answers?: readonly string[] } = {}) => {
    const answers = [...(options.answers ?? [])];
    const prompts: string[] = [];
    const keys = await openKeys({
      config: fields as Config,
      chainId: options.chainId ?? 1n,
      ask: async (prompt) => {
        prompts.push(prompt);
        const answer = answers.shift();
        if (answer === undefined) throw new Error("nobody should be asked");
        return answer;
      },
    });
    return { accounts: [keys.operator.address, keys.poster.address], prompts };
  };
  const codeOf = async (work: Promise<unknown>): Promise<string> => {
    try {
      await work;
    } catch (error) {
      if (!isAssayError(error)) throw error;
      // No key may leave through an error.
      expect(`${error.message}${JSON.stringify(error.context)}${String(error.cause)}`).to.not.match(/4c4c4c|5d5d5d/);
      return error.code;
    }
    return "none";
  };
  const [operator, poster] = [computeAddress(OPERATOR), computeAddress(POSTER)];

  it("posts with the operator's key where no other is named", async () => {
    const { accounts } = await open({ operatorPrivateKey: OPERATOR }, { chainId: DEVELOPMENT });
    expect(accounts).to.deep.equal([operator, operator]);
  });

  it("takes raw keys on each development chain", async () => {
    for (const chainId of [31_337n, 1_337n]) {
      const fields = { operatorPrivateKey: OPERATOR, posterPrivateKey: POSTER };
      expect((await open(fields, { chainId })).accounts).to.deep.equal([operator, poster]);
    }
  });

  it("refuses a raw key wherever there may be real money, also if only the posting key is raw", async () => {
    for (const chainId of [1n, 10n, 8_453n, 11_155_111n, 31_338n]) {
      expect(await codeOf(open({ operatorPrivateKey: OPERATOR }, { chainId }))).to.equal(
        "KEYS_RAW_OUTSIDE_DEVELOPMENT",
      );
    }
    const mixed = { operatorKeystore, operatorPasswordFile: passwordFile("one"), posterPrivateKey: POSTER };
    expect(await codeOf(open(mixed))).to.equal("KEYS_RAW_OUTSIDE_DEVELOPMENT");
  });

  it("does not pass over a raw key in silence because there is a keystore too", async () => {
    const both = { operatorPrivateKey: OPERATOR, operatorKeystore, operatorPasswordFile: passwordFile("one") };
    expect(await codeOf(open(both))).to.equal("KEYS_RAW_OUTSIDE_DEVELOPMENT");
  });

  it("demands the operator's key, and takes the posting key for none", async () => {
    expect(await codeOf(open({}, { chainId: DEVELOPMENT }))).to.equal("KEYS_MISSING");
    expect(await codeOf(open({ posterPrivateKey: POSTER }, { chainId: DEVELOPMENT }))).to.equal("KEYS_MISSING");
    expect(await codeOf(open({ posterKeystore, posterPasswordFile: passwordFile("two") }))).to.equal("KEYS_MISSING");
  });

  it("opens each keystore with its own password file, on any chain, and asks nobody", async () => {
    const { accounts, prompts } = await open({
      operatorKeystore,
      operatorPasswordFile: passwordFile("one"),
      posterKeystore,
      posterPasswordFile: passwordFile("two"),
    });
    expect(accounts).to.deep.equal([operator, poster]);
    expect(prompts).to.deep.equal([]);
  });

  it("opens the posting keystore with the operator's password file where it has none", async () => {
    const same = join(folder, "same");
    await writeKeystore({ path: same, privateKey: POSTER, password: "one", cost });
    const fields = { operatorKeystore, operatorPasswordFile: passwordFile("one") };
    expect((await open({ ...fields, posterKeystore: same })).accounts).to.deep.equal([operator, poster]);
    expect(await codeOf(open({ ...fields, posterKeystore }))).to.equal("KEYSTORE_WRONG_PASSWORD");
  });

  it("asks for the passwords of the keystores that have no password file, the operator's first", async () => {
    const { accounts, prompts } = await open({ operatorKeystore, posterKeystore }, { answers: ["one", "two"] });
    expect(accounts).to.deep.equal([operator, poster]);
    expect(prompts.map((prompt) => /operator|posting/.exec(prompt)?.[0])).to.deep.equal(["operator", "posting"]);
  });

  it("tells a wrong password from a keystore that is not there", async () => {
    expect(await codeOf(open({ operatorKeystore }, { answers: ["wrong"] }))).to.equal("KEYSTORE_WRONG_PASSWORD");
    const gone = { operatorKeystore: join(folder, "gone"), operatorPasswordFile: passwordFile("one") };
    expect(await codeOf(open(gone))).to.equal("KEYSTORE_MISSING");
  });
});
