import CLinuxSys
import TinyCoT

@main struct Main {
    static func main() {}
}
