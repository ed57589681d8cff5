import type { DeploymentRecord } from "../../../executor/deployment/record";
import { address } from "../../../executor/domain/ids";
import { keccak256 } from "../../../executor/protocol/statement";
import { h } from "../jobs/fixtures";

/** The code of every contract of `RECORD`. */
export const CODE = Uint8Array.of(0x60, 0x80);

const contract = (digit: string) => ({
  address: address(`0x${digit.repeat(40)}`),
  block: 1,
  transactionHash: h(`deployment/${digit}`),
  codeHash: keccak256(CODE),
  abi: [],
});

/** A deployment that never was. */
export const RECORD: DeploymentRecord = {
  network: "test",
  chainId: "31337",
  genesisHash: h("genesis"),
  contracts: {
    DevelopmentAttestationVerifier: contract("a"),
    EnclaveRegistry: contract("b"),
    InferenceHub: contract("c"),
    ModelRegistry: contract("d"),
    IntentForwarder: contract("e"),
    BatchDelegate: contract("f"),
    NitroAttestationVerifier: contract("e"),
    P384: contract("f"),
  },
  rootId: h("root"),
  images: [h("image")],
  epochSeconds: 86_400,
  heartbeatSeconds: 3_600,
  changeDelaySeconds: 60,
  developmentLevelAllowed: false,
};
