const OTHER_DEPLOYMENT =
  "the document was made for another deployment; name that one, or ask the enclave for a new one";
const NEW_DOCUMENT = "ask the enclave for a new document";

/** What to do about a refusal of the chain, by the name of its error. */
export const ADVICE: Readonly<Record<string, string>> = {
  RegistryNotAllowed:
    "this key may not do that: an enclave is its operator's and its posters', a revocation the revoker's",
  RegistryDocumentSpent: `the document was used before; ${NEW_DOCUMENT}`,
  RegistryDocumentNotFresh: `the document is too old, or ahead of the chain's clock; ${NEW_DOCUMENT}`,
  RegistryNonceStale: `the block that the document names is not one of the last 256; ${NEW_DOCUMENT}`,
  RegistryImageNotActive:
    "the registry has not approved the image, or has revoked it; its governor approves images (scheduleImage)",
  RegistryRootNotActive: "the registry has not approved the root, or has revoked it",
  RegistrySignerNotNew: "the key is registered already; renew it",
  RegistrySignerNotActive: "the key is not registered, or is closed for ever; register a new one",
  RegistrySignerDraining: "a key that drains is renewed no more; register a new one",
  RegistryOperatorMismatch: "the document is another operator's; a key is rotated by one of its own operator",
  RegistryEpochEnded: "the key's epoch has ended; register a new one",
  RegistryRenewalMismatch: "the document is not of the enclave that was registered; register it as a new one",
  RegistryDebugEnclave: "an enclave in debug mode proves nothing; start it without",
  RegistryWrongChain: OTHER_DEPLOYMENT,
  RegistryWrongRegistry: OTHER_DEPLOYMENT,
  RegistryWrongHub: OTHER_DEPLOYMENT,
  RegistryNoConsent: "the consent is not signed by the operator that the document names",
  RegistryNotRevocable: "it was never approved, or is revoked already",
  RegistryCompromisedInFuture: "the time is ahead of the chain's clock",
  NitroRevoked: "a certificate of the document was revoked by its issuer's list; start the enclave on another instance",
};
