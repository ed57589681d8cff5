import { Interface } from "ethers";
import { MODELS_ABI, REGISTRY_ABI } from "../protocol/generated/abi";

export const REGISTRY = new Interface(REGISTRY_ABI);
export const MODEL_REGISTRY = new Interface(MODELS_ABI);
