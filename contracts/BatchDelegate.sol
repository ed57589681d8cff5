// SPDX-License-Identifier: MIT
pragma solidity 0.8.33;

import { ERC1155Holder } from "@openzeppelin/contracts/token/ERC1155/utils/ERC1155Holder.sol";
import { ERC721Holder } from "@openzeppelin/contracts/token/ERC721/utils/ERC721Holder.sol";

/// @title A delegate for ordinary keys that lets them make several calls in one transaction (EIP-7702)
/// @notice An account that delegates to this code sends `execute` to itself, signed by its own key as always: each target
/// sees the account as `msg.sender`. Nobody else can make it call anything. There is no storage, no initializer, no owner
/// and no signature path: nothing that another delegate could have left behind, and nothing that can be replayed.
/// @dev The token receivers are what an account with code needs to be sent tokens safely, as it was before it had code.
/// NOT CHECKED: what the calls do. Sign an authorization for one chain id, never for 0 (all chains).
contract BatchDelegate is ERC721Holder, ERC1155Holder {
    /// @notice One call.
    struct Call {
        address target;
        uint256 value;
        bytes data;
    }

    /// @notice Only the account itself may use its delegate.
    error DelegateCallerNotSelf(address caller);
    /// @notice A call failed without saying why; nothing of the batch took effect. A failure that says why comes back as it
    /// is.
    error DelegateCallFailed(uint256 index);

    /// @notice Plain ether stays welcome.
    receive() external payable {}

    /// @notice Makes the calls in order; the first failure undoes all of them.
    /// @param calls What to call.
    function execute(Call[] calldata calls) external payable {
        // The whole protection: a stranger, a contract called in the batch, or a relayer has another address.
        if (msg.sender != address(this)) revert DelegateCallerNotSelf(msg.sender);
        for (uint256 i = 0; i < calls.length; ++i) {
            Call calldata c = calls[i];
            (bool success, bytes memory returned) = c.target.call{ value: c.value }(c.data);
            if (success) continue;
            if (returned.length == 0) revert DelegateCallFailed(i);
            assembly ("memory-safe") {
                revert(add(returned, 0x20), mload(returned))
            }
        }
    }
}
