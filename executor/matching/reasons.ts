/** Why an enclave was not chosen, each with the sentence that people read and whether waiting may help. */
export const REASONS = {
  OPERATOR_MISMATCH: { waits: false, text: "the request is assigned to another operator" },
  TRUST_TOO_LOW: { waits: false, text: "the request demands a higher trust level" },
  IMAGE_MISMATCH: { waits: false, text: "the request demands another enclave image" },
  PROFILE_MISMATCH: { waits: false, text: "the request demands another runtime profile" },
  MODEL_MISSING: { waits: true, text: "the enclave neither holds the model nor can get it" },
  MODEL_TOO_LARGE: { waits: false, text: "the model does not fit the enclave's memory" },
  REWARD_TOO_LOW: { waits: false, text: "the reward is below what the operator works for" },
  DEADLINE_TOO_CLOSE: { waits: false, text: "the answer could not land before the deadline" },
  EPOCH_ENDING: { waits: true, text: "the enclave's key ends before the answer could land" },
  HEARTBEAT_OVERDUE: { waits: true, text: "the enclave has to show the chain that it lives first" },
  DRAINING: { waits: false, text: "the enclave takes no new work" },
  STRUCK: { waits: true, text: "the enclave failed lately and is left alone for a while" },
  NO_CAPACITY: { waits: true, text: "the enclave has all the work it can hold" },
} as const;

export type RefusalReason = keyof typeof REASONS;
