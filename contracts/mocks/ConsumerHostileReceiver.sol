// SPDX-License-Identifier: MIT
pragma solidity ^0.8.33;

/// @notice Test only: an account that can not receive, or calls back when it does.
contract ConsumerHostileReceiver {
    address public target;
    bytes public again;
    bool public reentered;

    function run(address target_, bytes calldata data_, bytes calldata again_) external payable {
        (target, again) = (target_, again_);
        (bool done, bytes memory answer) = target_.call{ value: msg.value }(data_);
        // The revert of the called contract is passed on as it is.
        if (!done) {
            assembly ("memory-safe") {
                revert(add(answer, 0x20), mload(answer))
            }
        }
    }

    receive() external payable {
        require(again.length != 0, "refuses ether");
        (reentered, ) = target.call(again);
    }
}
