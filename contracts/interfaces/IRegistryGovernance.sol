// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

/// @title What may change in the registry, by whom and how slowly
/// @notice One visible timelock for everything that adds trust: images, verifiers, roots and the two roles. Nothing of
/// the kind is live before `changeDelaySeconds` have passed (7 days at least outside development chains); what was
/// named at construction is live at once. Taking trust away waits for nothing and is for ever.
/// A governor can therefore not forge a result for a consumer that pins its image, nor for others before the timelock
/// ends. A revoker can stop service, and nothing else.
interface IRegistryGovernance {
    /// @notice Who may change what.
    /// @dev Governor schedules and revokes; Revoker revokes.
    enum Role {
        Governor,
        Revoker
    }

    /// @notice An image will be accepted.
    /// @param imageId Hash of root and PCRs 0-2.
    /// @param activeFrom First second at which its enclaves may register.
    event ImageScheduled(bytes32 indexed imageId, uint40 activeFrom);

    /// @notice An image is no longer accepted and all its keys are dead.
    /// @param imageId The image.
    /// @param compromisedSince Results that landed at or after this second can no longer be called authentic.
    event ImageRevoked(bytes32 indexed imageId, uint40 compromisedSince);

    /// @notice A root will be accepted.
    /// @param rootId keccak256 of its raw public key.
    /// @param hardware Whether it vouches for hardware (trust 4) or for software levels.
    /// @param activeFrom First second at which documents under it are accepted.
    event RootScheduled(bytes32 indexed rootId, bool hardware, uint40 activeFrom);

    /// @notice Documents under this root are no longer accepted.
    /// @param rootId The root.
    event RootRevoked(bytes32 indexed rootId);

    /// @notice A verifier will be usable.
    /// @param index Its index, which never changes its meaning.
    /// @param verifier Its address.
    /// @param hardware Whether it vouches for hardware: without it, a root that is flagged so gives nothing through it.
    /// @param activeFrom First second at which it is used.
    event VerifierScheduled(uint8 indexed index, address indexed verifier, bool hardware, uint40 activeFrom);

    /// @notice A verifier is no longer used.
    /// @param index Its index.
    event VerifierRevoked(uint8 indexed index);

    /// @notice A role was offered.
    /// @param role Which.
    /// @param account To whom.
    /// @param activeFrom First second at which it can be accepted.
    event RoleScheduled(Role indexed role, address indexed account, uint40 activeFrom);

    /// @notice A role went over.
    /// @param role Which.
    /// @param account To whom.
    event RoleAccepted(Role indexed role, address indexed account);

    /// @notice Approves an image after the delay; by the governor.
    /// @param imageId Never scheduled before. A revoked image never comes back.
    function scheduleImage(bytes32 imageId) external;

    /// @notice Revokes an image at once and for ever, scheduled or live; by revoker or governor. O(1): all its keys are
    /// dead in the same block.
    /// @param imageId A scheduled or live image.
    /// @param compromisedSince At most the block's time.
    function revokeImage(bytes32 imageId, uint40 compromisedSince) external;

    /// @notice Approves a root after the delay; by the governor. Outside development chains only hardware roots.
    /// @param rootId Never scheduled before.
    /// @param hardware What it vouches for.
    function scheduleRoot(bytes32 rootId, bool hardware) external;

    /// @notice Stops registrations and renewals under a root; by revoker or governor. Keys that live under it stay
    /// until their epoch ends (24 h at most): revoke their images to stop them at once.
    /// @param rootId A scheduled or live root.
    function revokeRoot(bytes32 rootId) external;

    /// @notice Adds a verifier after the delay, under the next index; by the governor. Outside development chains only one
    /// that vouches for hardware.
    /// @param verifier A contract.
    /// @return index Its index.
    function scheduleVerifier(address verifier) external returns (uint8 index);

    /// @notice Stops using a verifier for registrations and renewals; by revoker or governor.
    /// @param index Its index.
    function revokeVerifier(uint8 index) external;

    /// @notice Offers a role to an account, which may accept after the delay; by the governor. A new offer replaces an
    /// old one, so a wrong one can be taken back by offering the role to its holder.
    /// @param role Which.
    /// @param account To whom.
    function scheduleRole(Role role, address account) external;

    /// @notice Takes an offered role; by the account it was offered to, after the delay.
    /// @param role Which.
    function acceptRole(Role role) external;

    /// @notice Who holds a role.
    /// @param role Which.
    /// @return The account.
    function holderOf(Role role) external view returns (address);

    /// @notice The state of an image.
    /// @param imageId Any image.
    /// @return index Its index, 0 if it was never scheduled.
    /// @return activeFrom First second at which its enclaves may register.
    /// @return revokedAt When it was revoked, or 0.
    /// @return compromisedSince As the revocation said.
    function imageOf(
        bytes32 imageId
    ) external view returns (uint32 index, uint40 activeFrom, uint40 revokedAt, uint40 compromisedSince);

    /// @notice The state of a root.
    /// @param rootId Any root.
    /// @return activeFrom First second at which it is accepted, 0 if it was never scheduled.
    /// @return revoked Whether it was revoked.
    /// @return hardware What it vouches for.
    function rootOf(bytes32 rootId) external view returns (uint40 activeFrom, bool revoked, bool hardware);

    /// @notice The state of a verifier.
    /// @param index Any index.
    /// @return verifier Its address, 0 if there is none.
    /// @return activeFrom First second at which it is used.
    /// @return revoked Whether it was revoked.
    /// @return hardware Whether it said that it vouches for hardware, when it was scheduled.
    function verifierOf(
        uint8 index
    ) external view returns (address verifier, uint40 activeFrom, bool revoked, bool hardware);

    /// @notice How long everything that adds trust waits.
    /// @return Seconds.
    function changeDelaySeconds() external view returns (uint32);
}
