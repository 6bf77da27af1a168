import ArgumentParser
import VarveServer

/// The directory that a command works on: `--data`, else `VARVE_DATA`, else `./varve-data`.
struct DataOption: ParsableArguments {
    @Option(help: ArgumentHelp("Directory of the data. (default: ./varve-data)", valueName: "dir"))
    var data: String?

    var directory: String {
        data ?? ProcessVariables.all[ServeSettings.variable("data")] ?? ServeSettings().dataDirectory
    }
}
