/// Name, argument types and result of one function.
///
/// - The last `optionalArguments` arguments may be left out; with `isVariadic` the last type repeats without end.
public struct FunctionSignature: Sendable {
    public let name: String
    public let arguments: [ValueType]
    public let optionalArguments: Int
    public let isVariadic: Bool
    public let result: ValueType
    public let isExperimental: Bool

    init(
        _ name: String, _ arguments: [ValueType], optional: Int = 0, variadic: Bool = false,
        _ result: ValueType = .vector, experimental: Bool = false
    ) {
        self.name = name
        self.arguments = arguments
        self.optionalArguments = optional
        self.isVariadic = variadic
        self.result = result
        self.isExperimental = experimental
    }
}
