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
            bool success;
            // Offsets are not checked: the account signs its own calldata, and what lies beyond it reads as zero. The i-th
            // word of the array is the offset of a call, whose three words are target, value and the offset of its data. All
            // at the free pointer, which is not moved; what a call returns is only looked at if it failed.
            assembly ("memory-safe") {
                let p := mload(0x40)
                let c := add(calls.offset, calldataload(add(calls.offset, shl(5, i))))
                let data := add(c, calldataload(add(c, 0x40)))
                let size := calldataload(data)
                calldatacopy(p, add(data, 0x20), size)
                success := call(gas(), calldataload(c), calldataload(add(c, 0x20)), p, size, 0, 0)
                if iszero(or(success, iszero(returndatasize()))) {
                    returndatacopy(p, 0, returndatasize())
                    revert(p, returndatasize())
                }
            }
            if (!success) revert DelegateCallFailed(i);
        }
    }
}
