// Runs the simulation: over fixed seeds and one drawn anew, or over the one that TINYCOT_SEED
// names. docs/simulation.md says how to read a failure and how to run a seed again.

import Foundation
import Testing

@testable import TinyCoT

/// The world that runs now, so that a broken invariant can tell what led to it.
nonisolated(unsafe) private var running: World?
nonisolated(unsafe) private var restarts = 0

@Suite(.serialized) struct SimulationTests {
    static let environment = ProcessInfo.processInfo.environment
    static let stepsPerSeed = 4_000
    static var steps: Int { environment["TINYCOT_SIM_STEPS"].flatMap { Int($0) } ?? 220_000 }

    static func say(_ text: String) { FileHandle.standardError.write(Data((text + "\n").utf8)) }

    /// - Returns: steps done.
    static func run(seed: UInt64, steps: Int) -> Int {
        let world = World(seed: seed)
        running = world
        invariantSink = { sentence, file, line in
            say("broken invariant: \(sentence) (\(file):\(line))\n\(running?.report ?? "")")
        }
        world.run(steps: steps)
        invariantSink = nil
        running = nil
        restarts += world.restarts
        if world.failure != nil {
            say(world.report)
            Issue.record("seed \(seed), step \(world.step): \(world.failure ?? "")")
        }
        return world.step
    }

    @Test func manySeeds() {
        let begin = Date()
        var done = 0
        if let text = SimulationTests.environment["TINYCOT_SEED"], let seed = UInt64(text) {
            done = SimulationTests.run(seed: seed, steps: SimulationTests.stepsPerSeed)
        } else {
            var seed: UInt64 = 1
            while done + SimulationTests.stepsPerSeed < SimulationTests.steps {
                let did = SimulationTests.run(seed: seed, steps: SimulationTests.stepsPerSeed)
                if did < SimulationTests.stepsPerSeed { return }
                done += did
                seed += 1
            }
            let drawn = UInt64.random(in: 1...UInt64(UInt32.max))
            SimulationTests.say("simulation: seeds 1 to \(seed - 1) passed; now \(drawn)")
            done += SimulationTests.run(seed: drawn, steps: SimulationTests.stepsPerSeed)
        }
        let seconds = Date().timeIntervalSince(begin)
        let pace = Int(Double(done) / seconds)
        SimulationTests.say("simulation: \(done) steps, \(restarts) restarts, \(pace) a second")
    }
}
