import { expect } from "chai";
import { Transaction } from "ethers";
import type { HexBytes } from "../../../executor/domain/ids";
import { costOf, intrinsicGas, outbids, readTransaction } from "../../../executor/pipe/transaction";
import { CHAIN_ID, codeOf, read, signed, TARGET, walletOf } from "./fakes";

const codeFor = (raw: string): string => {
  try {
    readTransaction(raw as HexBytes, CHAIN_ID);
    return "taken";
  } catch (error) {
    return codeOf(error);
  }
};
const base = { to: TARGET, nonce: 3, gasLimit: 100_000n, value: 5n, data: "0x0011" };
const fees = { maxFeePerGas: 20n, maxPriorityFeePerGas: 2n };
const sign = async (tx: object): Promise<HexBytes> =>
  (await walletOf("alice").signTransaction({ ...base, chainId: CHAIN_ID, ...tx })) as HexBytes;

describe("transactions as PIPE reads them", () => {
  it("reads types 0 to 2 with the fees by which nodes order them", async () => {
    const legacy = readTransaction(await sign({ type: 0, gasPrice: 7n }), CHAIN_ID);
    const listed = readTransaction(await sign({ type: 1, gasPrice: 7n }), CHAIN_ID);
    const dynamic = readTransaction(await sign({ type: 2, ...fees }), CHAIN_ID);
    for (const tx of [legacy, listed]) expect([tx.maxFeePerGas, tx.maxPriorityFeePerGas]).to.deep.equal([7n, 7n]);
    expect([dynamic.maxFeePerGas, dynamic.maxPriorityFeePerGas]).to.deep.equal([20n, 2n]);
    for (const tx of [legacy, listed, dynamic]) {
      expect(tx).to.include({ nonce: 3, value: 5n, from: walletOf("alice").address.toLowerCase() });
      expect(tx.step).to.include({ to: TARGET, gas: 100_000n - 21_000n - 4n - 16n });
    }
    expect(costOf(dynamic)).to.equal(5n + 100_000n * 20n);
  });

  it("gives the target no gas that an access list costs", async () => {
    const accessList = [{ address: TARGET, storageKeys: [`0x${"01".repeat(32)}`, `0x${"02".repeat(32)}`] }];
    const tx = readTransaction(await sign({ type: 2, ...fees, accessList }), CHAIN_ID);
    expect(tx.step?.gas).to.equal(100_000n - 21_020n - 2_400n - 3_800n);
  });

  it("passes on types that no simulation carries", async () => {
    const blob = await sign({
      type: 3,
      ...fees,
      maxFeePerBlobGas: 1n,
      blobVersionedHashes: [`0x01${"00".repeat(31)}`],
    });
    const authorization = walletOf("bob").authorizeSync({ address: TARGET, nonce: 0, chainId: CHAIN_ID });
    const delegated = await sign({ type: 4, ...fees, authorizationList: [authorization] });
    for (const raw of [blob, delegated]) expect(readTransaction(raw, CHAIN_ID).step).to.equal(undefined);
  });

  it("says what creates a contract, and leaves no gas where there is none", async () => {
    const creation = readTransaction(await sign({ type: 2, ...fees, to: null, data: "0x00" }), CHAIN_ID);
    expect(creation.step).to.include({ to: undefined, gas: 100_000n - 53_000n - 2n - 4n });
    expect(readTransaction(await sign({ type: 2, ...fees, gasLimit: 5n }), CHAIN_ID).step?.gas).to.equal(0n);
  });

  it("refuses what is malformed, unprotected or of another chain", async () => {
    const raw = await signed();
    const { type, to, nonce, gasLimit, value, data } = { type: 0, ...base };
    const unprotected = await walletOf("alice").signTransaction({
      type,
      to,
      nonce,
      gasLimit,
      value,
      data,
      gasPrice: 1n,
      chainId: 0n,
    });
    const unsigned = Transaction.from({ type: 2, ...base, ...fees, chainId: CHAIN_ID }).unsignedSerialized;
    expect(codeFor(unprotected)).to.equal("PIPE_TRANSACTION_UNPROTECTED");
    expect(codeFor(await sign({ type: 2, ...fees, chainId: 1n }))).to.equal("PIPE_WRONG_CHAIN");
    for (const bad of [
      "",
      "0x",
      "0x0",
      "0xzz",
      "0x05c0",
      `${raw}00`,
      raw.slice(0, -2),
      unsigned,
      `0x${"00".repeat(1_000_001)}`,
    ])
      expect(codeFor(bad), bad.slice(0, 20)).to.equal("PIPE_TRANSACTION_MALFORMED");
    expect(codeFor(`0x${raw.slice(2).toUpperCase()}`), "case means nothing").to.equal("taken");
  });

  it("counts what comes before the target: bytes, creation, its words", () => {
    expect(intrinsicGas("0x", false)).to.equal(21_000n);
    expect(intrinsicGas("0x00ff00", false)).to.equal(21_000n + 4n + 16n + 4n);
    expect(intrinsicGas(`0x${"ff".repeat(33)}`, true)).to.equal(53_000n + 2n * 2n + 33n * 16n);
  });

  it("takes a replacement only where both fees are a tenth higher", async () => {
    const old = await read({ tip: 101n, maxFee: 1_001n });
    expect(outbids(await read({ tip: 112n, maxFee: 1_102n }), old)).to.equal(true);
    expect(outbids(await read({ tip: 111n, maxFee: 1_102n }), old)).to.equal(false);
    expect(outbids(await read({ tip: 112n, maxFee: 1_101n }), old)).to.equal(false);
  });
});
