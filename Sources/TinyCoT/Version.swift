// The one place that names the version. `tinycot version` says it; scripts/test reads it here and
// compares. It is not read from a file while the package is planned, because
// SwiftPM would go on using the answer of its last look.

/// The version of these sources, as Semantic Versioning 2.0.0 writes it.
public enum Version {
    public static var text: StaticString { "0.1.0" }
}
